//! The journal entries of steps on accounts.

use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::{AccountStep, Step};

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::accounts::{Account, Accounts};

/// A step on an account, together with the information that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEntry {
    /// Creates a group. The undo leaves the group in place, since NixFleet never deletes groups.
    CreateGroup {
        /// The step from the plan.
        step: CreateGroup,
    },
    /// Creates a user. The undo disables the user, since NixFleet never deletes users.
    CreateUser {
        /// The step from the plan.
        step: CreateUser,
    },
    /// Changes a user.
    ModifyUser {
        /// The step from the plan.
        step: ModifyUser,
        /// The account before the step.
        before: Account,
    },
    /// Ends the management of a user, and restores the values that the account had before NixFleet managed
    /// it.
    ReleaseUser {
        /// The step from the plan.
        step: ReleaseUser,
        /// The account before the step.
        before: Account,
    },
    /// Disables a user.
    DisableUser {
        /// The step from the plan.
        step: DisableUser,
        /// The account before the step, or `None` if the host has no such account.
        before: Option<Account>,
    },
}

impl AccountEntry {
    /// Creates the entry for a step that is about to run. `accounts` contains the accounts of the host.
    /// Returns `None` if the step changes an account that does not exist.
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

    /// Creates the entry from a step and its facts, which were read from a journal.
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

    /// Converts the entry to its form in the journal.
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

    /// Whether the step creates or changes a managed account. Such steps run before any path is changed.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        match self {
            Self::CreateGroup { .. } | Self::CreateUser { .. } | Self::ModifyUser { .. } => true,
            Self::ReleaseUser { .. } | Self::DisableUser { .. } => false,
        }
    }

    /// Returns the step from the plan.
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
