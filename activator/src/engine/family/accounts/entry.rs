//! A step on an account, with what its undo needs.

use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::{AccountStep, Step};

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::accounts::{Account, Accounts};

/// A step on an account, with what its undo needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEntry {
    /// A group. Undo leaves it, since groups are never deleted.
    CreateGroup {
        /// The step.
        step: CreateGroup,
    },
    /// A new user.
    CreateUser {
        /// The step.
        step: CreateUser,
    },
    /// A user that is changed.
    ModifyUser {
        /// The step.
        step: ModifyUser,
        /// The account before the step.
        before: Account,
    },
    /// A user that is restored to what it was before management.
    ReleaseUser {
        /// The step.
        step: ReleaseUser,
        /// The account before the step.
        before: Account,
    },
    /// A user that is disabled.
    DisableUser {
        /// The step.
        step: DisableUser,
        /// The account before the step; `None` if somebody has deleted it.
        before: Option<Account>,
    },
}

impl AccountEntry {
    /// The entry for a step that is about to run, on a host with these accounts. `None` if the step changes
    /// an account that does not exist.
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

    /// Reads an entry from a journal.
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

    /// The entry in its journal form.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        let facts = |before| Facts::Account { before };
        let (step, facts) = match self {
            Self::CreateGroup { step } => (AccountStep::CreateGroup(step), Facts::Nothing),
            Self::CreateUser { step } => (AccountStep::CreateUser(step), facts(None)),
            Self::ModifyUser { step, before } => (AccountStep::ModifyUser(step), facts(Some(before))),
            Self::ReleaseUser { step, before } => (AccountStep::ReleaseUser(step), facts(Some(before))),
            Self::DisableUser { step, before } => (AccountStep::DisableUser(step), facts(before)),
        };
        WrittenEntry { step: Step::Account(step), facts, backup: None }
    }

    /// Whether it creates or changes a managed account: such entries come before any swap.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        match self {
            Self::CreateGroup { .. } | Self::CreateUser { .. } | Self::ModifyUser { .. } => true,
            Self::ReleaseUser { .. } | Self::DisableUser { .. } => false,
        }
    }

    /// The step.
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
