//! A step about an account with what undoing it needs.

use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::{AccountStep, Step};

use crate::engine::transaction::journal::written::{Facts, Mismatch, Written};
use crate::host::accounts::{Account, Accounts};

/// A step about an account with what undoing it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEntry {
    /// A group; it stays when the rest is undone, since groups are never deleted.
    CreateGroup {
        /// The step.
        step: CreateGroup,
    },
    /// A user that was not there before.
    CreateUser {
        /// The step.
        step: CreateUser,
    },
    /// A user that changes.
    ModifyUser {
        /// The step.
        step: ModifyUser,
        /// As the account files had it.
        before: Account,
    },
    /// A user that gets back what it was before management.
    ReleaseUser {
        /// The step.
        step: ReleaseUser,
        /// As the account files had it.
        before: Account,
    },
    /// A user that is disabled.
    DisableUser {
        /// The step.
        step: DisableUser,
        /// As the account files had it; nothing where somebody has deleted it.
        before: Option<Account>,
    },
}

impl AccountEntry {
    /// A step that is about to be done, on a host with these accounts. Nothing where the account that it changes is not there.
    #[must_use]
    pub fn open(step: &AccountStep, accounts: &Accounts) -> Option<Self> {
        let before = |name: &str| accounts.users.get(name).cloned();
        Some(match step {
            AccountStep::CreateGroup(step) => Self::CreateGroup { step: step.clone() },
            AccountStep::CreateUser(step) => Self::CreateUser { step: step.clone() },
            AccountStep::ModifyUser(step) => {
                Self::ModifyUser { before: before(&step.user.name)?, step: step.clone() }
            }
            AccountStep::ReleaseUser(step) => {
                Self::ReleaseUser { before: before(&step.name)?, step: step.clone() }
            }
            AccountStep::DisableUser(step) => {
                Self::DisableUser { before: before(&step.name), step: step.clone() }
            }
        })
    }

    /// Reads one of a journal.
    pub(in crate::engine) fn read(step: AccountStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            AccountStep::CreateGroup(step) => {
                facts.nothing()?;
                Self::CreateGroup { step }
            }
            AccountStep::CreateUser(step) => match facts.account()? {
                None => Self::CreateUser { step },
                Some(_) => return Err(Mismatch),
            },
            AccountStep::ModifyUser(step) => {
                Self::ModifyUser { step, before: facts.account()?.ok_or(Mismatch)? }
            }
            AccountStep::ReleaseUser(step) => {
                Self::ReleaseUser { step, before: facts.account()?.ok_or(Mismatch)? }
            }
            AccountStep::DisableUser(step) => Self::DisableUser { step, before: facts.account()? },
        })
    }

    /// The same as a journal has it.
    pub(in crate::engine) fn write(self) -> Written {
        let facts = |before| Facts::Account { before };
        let (step, facts) = match self {
            Self::CreateGroup { step } => (AccountStep::CreateGroup(step), Facts::Nothing),
            Self::CreateUser { step } => (AccountStep::CreateUser(step), facts(None)),
            Self::ModifyUser { step, before } => (AccountStep::ModifyUser(step), facts(Some(before))),
            Self::ReleaseUser { step, before } => (AccountStep::ReleaseUser(step), facts(Some(before))),
            Self::DisableUser { step, before } => (AccountStep::DisableUser(step), facts(before)),
        };
        Written { step: Step::Account(step), facts, kept: None }
    }

    /// Whether it makes or changes an account that is managed: such entries come before anything is swapped.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        match self {
            Self::CreateGroup { .. } | Self::CreateUser { .. } | Self::ModifyUser { .. } => true,
            Self::ReleaseUser { .. } | Self::DisableUser { .. } => false,
        }
    }

    /// The step alone.
    #[must_use]
    pub fn step(&self) -> AccountStep {
        match self {
            Self::CreateGroup { step } => AccountStep::CreateGroup(step.clone()),
            Self::CreateUser { step } => AccountStep::CreateUser(step.clone()),
            Self::ModifyUser { step, .. } => AccountStep::ModifyUser(step.clone()),
            Self::ReleaseUser { step, .. } => AccountStep::ReleaseUser(step.clone()),
            Self::DisableUser { step, .. } => AccountStep::DisableUser(step.clone()),
        }
    }
}
