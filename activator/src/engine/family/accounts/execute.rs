//! Executes and undoes changes of accounts.

use std::collections::BTreeSet;

use nixfleet_contract::manifest::User;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::AccountStep;
use nixfleet_contract::step::accounts::{CreateGroup, CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::values::Owner;

use super::entry::AccountEntry;
use super::target_account::AccountInputs;
use crate::engine::state::State;
use crate::host::Host;
use crate::host::accounts::{self, Account, AccountChange, Accounts};

/// Changes the accounts of a host.
#[derive(Clone, Copy)]
pub struct AccountChanges<'a> {
    /// The host whose account files are changed.
    pub host: &'a Host,
    /// The recorded state.
    pub state: &'a State,
}

impl AccountChanges<'_> {
    /// Executes steps without a journal, for example in a preview. Skips each step that changes a user who
    /// does not exist.
    ///
    /// # Errors
    /// [`Code::Account`].
    pub fn try_out(self, steps: &[AccountStep]) -> Result<(), Problem> {
        for step in steps {
            if let Some(entry) = AccountEntry::open(step, &Accounts::read(self.host)?) {
                self.perform(&entry)?;
            }
        }
        Ok(())
    }

    /// Executes the step of a journal entry.
    ///
    /// # Errors
    /// [`Code::Account`].
    pub fn perform(self, entry: &AccountEntry) -> Result<(), Problem> {
        match entry {
            AccountEntry::CreateGroup { step: CreateGroup { name, gid } } => {
                accounts::create_group(self.host, name, *gid)
            }
            AccountEntry::CreateUser { step: CreateUser { user } } => accounts::create_user(self.host, user),
            AccountEntry::ModifyUser { step: ModifyUser { user, unstated, .. }, before } => {
                let user = User { unstated: unstated.clone(), ..user.clone() };
                self.change(&user.name, Some(&user), before)
            }
            AccountEntry::ReleaseUser { step: ReleaseUser { name, .. }, before } => {
                self.change(name, None, before)
            }
            AccountEntry::DisableUser { step: DisableUser { name, groups }, .. } => {
                accounts::disable_user(self.host, name, groups)
            }
        }
    }

    /// Changes an account. `before` is the account at the start of the transaction.
    fn change(self, name: &Owner, user: Option<&User>, before: &Account) -> Result<(), Problem> {
        let accounts = Accounts::read(self.host)?;
        let owned = self.state.users.get(name);
        let target = AccountInputs { user, account: before, owned, accounts: &accounts }.target();
        let after = target.account(before, &accounts);
        accounts::modify_user(self.host, name, AccountChange::between(before, &after))
    }
}

/// Undoes the step of a journal entry. A created user is disabled, since NixFleet never deletes users.
///
/// # Errors
/// [`Code::Account`].
pub fn undo(host: &Host, entry: &AccountEntry) -> Result<(), Problem> {
    match entry {
        AccountEntry::CreateGroup { .. } | AccountEntry::DisableUser { before: None, .. } => Ok(()),
        AccountEntry::CreateUser { step: CreateUser { user } } => {
            accounts::disable_user(host, &user.name, &user.extra_groups.iter().cloned().collect())
        }
        AccountEntry::ModifyUser { step: ModifyUser { user: User { name, .. }, .. }, before }
        | AccountEntry::ReleaseUser { step: ReleaseUser { name, .. }, before }
        | AccountEntry::DisableUser { step: DisableUser { name, .. }, before: Some(before) } => {
            match Accounts::read(host)?.users.get(&**name) {
                Some(now) if now != before => {
                    accounts::modify_user(host, name, AccountChange::between(now, before))
                }
                Some(_) | None => Ok(()),
            }
        }
    }
}

/// Checks that the accounts of these journal entries have not changed since the start of the transaction.
/// Neither the transaction nor its undo may change an account that someone else has created or changed since
/// then.
///
/// # Errors
/// [`Code::PlanOutdated`] or [`Code::HostFile`].
pub fn check<'e>(host: &Host, entries: impl Iterator<Item = &'e AccountEntry>) -> Result<(), Problem> {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        return Ok(());
    }
    let accounts = Accounts::read(host)?;
    let is = |name: &str, before: Option<&Account>| accounts.users.get(name) == before;
    let changed = entries.find_map(|entry| {
        let (name, same) = match entry {
            AccountEntry::CreateGroup { step: CreateGroup { name, .. } } => {
                (&**name, !accounts.groups.contains_key(&**name))
            }
            AccountEntry::CreateUser { step: CreateUser { user } } => (&*user.name, is(&user.name, None)),
            AccountEntry::ModifyUser { step: ModifyUser { user, .. }, before } => {
                (&*user.name, is(&user.name, Some(before)))
            }
            AccountEntry::ReleaseUser { step: ReleaseUser { name, .. }, before } => {
                (&**name, is(name, Some(before)))
            }
            AccountEntry::DisableUser { step: DisableUser { name, .. }, before } => {
                (&**name, is(name, before.as_ref()))
            }
        };
        (!same).then_some(name)
    });
    changed.map_or(Ok(()), |name| {
        Err(Problem::new(Code::PlanOutdated, "the host changed while the apply started")
            .at("/etc/passwd, /etc/group")
            .because(format!("another process created or changed `{name}`"))
            .help("plan again, then apply the new plan"))
    })
}

/// The users and groups that a transaction creates.
pub struct NewAccounts {
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl NewAccounts {
    /// Collects the users and groups that the steps of these journal entries create.
    pub fn with<'e>(entries: impl Iterator<Item = &'e AccountEntry>) -> Self {
        let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for entry in entries {
            match entry {
                AccountEntry::CreateUser { step } => {
                    users.insert(step.user.name.to_string());
                }
                AccountEntry::CreateGroup { step } => {
                    groups.insert(step.name.to_string());
                }
                AccountEntry::ModifyUser { .. }
                | AccountEntry::ReleaseUser { .. }
                | AccountEntry::DisableUser { .. } => {}
            }
        }
        Self { users, groups }
    }

    /// Whether the transaction creates this user or this group.
    #[must_use]
    pub fn has(&self, user: &Owner, group: &Owner) -> bool {
        self.users.contains(&**user) || self.groups.contains(&**group)
    }
}
