//! Computes the accounts in the recorded state after a transaction or its undo.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::manifest::{Manifest, User, UserField};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::{AccountName, Owner};

use super::entry::AccountEntry;
use super::target_account::{stated_value, value_of};
use crate::engine::observe::Observed;
use crate::engine::state::{OwnedUser, PreviousField, Restriction, State};
use crate::host::Host;
use crate::host::accounts::Accounts;

/// Returns all groups that NixFleet has created, including the groups that the transaction creates.
pub(in crate::engine) fn groups_after<'e>(
    old: &State,
    entries: impl Iterator<Item = &'e AccountEntry>,
) -> BTreeSet<AccountName> {
    let created = entries.filter_map(|entry| match entry {
        AccountEntry::CreateGroup { step } => Some(step.name.clone()),
        AccountEntry::CreateUser { .. }
        | AccountEntry::ModifyUser { .. }
        | AccountEntry::ReleaseUser { .. }
        | AccountEntry::DisableUser { .. } => None,
    });
    old.groups.iter().cloned().chain(created).collect()
}

/// Returns the users in the state after the transaction: the users that the manifest declares, and users that
/// NixFleet created for an earlier manifest.
pub(in crate::engine) fn users_after<'e>(
    old: &State,
    observed: &Observed,
    manifest: &Manifest,
    entries: impl Iterator<Item = &'e AccountEntry>,
) -> BTreeMap<Owner, OwnedUser> {
    let made: BTreeSet<&Owner> = entries.filter_map(created_user).map(|user| &user.name).collect();
    // A user that NixFleet created stays in the state after it is removed from the manifest, so that it can
    // be enabled again later.
    let left = old.users.iter().filter(|(_, owned)| owned.created);
    let mut users: BTreeMap<Owner, OwnedUser> =
        left.map(|(name, owned)| (name.clone(), disabled(name, owned, observed))).collect();
    for user in &manifest.users {
        let created = made.contains(&user.name);
        let before = old.users.get(&user.name);
        let member = |group: &str| {
            let account = observed.accounts.users.get(&*user.name);
            account.is_some_and(|account| account.groups.iter().any(|name| name == group))
        };
        let ours = |group: &str| before.is_some_and(|owned| owned.groups.contains(group));
        let groups =
            user.extra_groups.iter().filter(|group| ours(group) || !member(group)).cloned().collect();
        // If the transaction creates the account again, the recorded uid is dropped, since the new account
        // may have a different uid.
        let uid = before.filter(|_| !created).and_then(|owned| owned.uid);
        let created = created || before.is_some_and(|owned| owned.created);
        let before = if created { BTreeMap::new() } else { before_of(user, before, observed) };
        let owned = OwnedUser { created, uid, disabled: false, groups, before, restriction: None };
        users.insert(user.name.clone(), owned);
    }
    users
}

/// Returns the record of a disabled user. The record lists no group memberships. It contains the restriction
/// that the account had before it was disabled.
fn disabled(name: &Owner, owned: &OwnedUser, observed: &Observed) -> OwnedUser {
    let account = observed.accounts.users.get(&**name).filter(|_| !owned.disabled);
    let restriction = account.map(|account| Restriction {
        expires: account.expires.clone(),
        locked_password: account.locked_password,
    });
    let restriction =
        restriction.filter(|it| *it != Restriction::default()).or_else(|| owned.restriction.clone());
    OwnedUser { disabled: true, groups: BTreeSet::new(), restriction, ..owned.clone() }
}

/// Returns the values that an account had before NixFleet managed it, for the fields that the manifest
/// states.
fn before_of(
    user: &User,
    owned: Option<&OwnedUser>,
    observed: &Observed,
) -> BTreeMap<UserField, PreviousField> {
    let account = observed.accounts.users.get(&*user.name);
    let fields = [UserField::Group, UserField::Home, UserField::Shell, UserField::Description];
    let before = fields.into_iter().filter(|field| user.states(*field)).filter_map(|field| {
        let known = owned.and_then(|owned| owned.before.get(&field)).map(|before| before.was.clone());
        let was = known.or_else(|| value_of(field, account?, &observed.accounts))?;
        Some((field, PreviousField { was, left: stated_value(field, user)?.to_owned() }))
    });
    before.collect()
}

/// Records the uids of users that NixFleet created. The uid identifies an account, since someone may later
/// create another account with the same name.
pub(in crate::engine) fn record_ids(host: &Host, state: &mut State) -> Result<(), Problem> {
    let mut unknown =
        state.users.iter_mut().filter(|(_, owned)| owned.created && owned.uid.is_none()).peekable();
    if unknown.peek().is_none() {
        return Ok(());
    }
    let accounts = Accounts::read(host)?;
    for (name, owned) in unknown {
        owned.uid = accounts.users.get(&**name).map(|account| account.uid);
    }
    Ok(())
}

/// Records the accounts that an undone transaction created. The state must list them, since the undo does not
/// delete them. Returns whether the state changed.
pub(in crate::engine) fn record_created<'e>(
    state: &mut State,
    accounts: &Accounts,
    entries: impl Iterator<Item = &'e AccountEntry>,
) -> bool {
    let before = (state.users.clone(), state.groups.clone());
    for entry in entries {
        match entry {
            AccountEntry::CreateUser { step } => {
                let name = &step.user.name;
                if let Some(account) = accounts.users.get(&**name) {
                    let owned = state.users.entry(name.clone()).or_default();
                    let uid = Some(account.uid);
                    *owned = OwnedUser { created: true, uid, disabled: true, ..OwnedUser::default() };
                }
            }
            AccountEntry::CreateGroup { step } if accounts.groups.contains_key(&*step.name) => {
                state.groups.insert(step.name.clone());
            }
            AccountEntry::CreateGroup { .. }
            | AccountEntry::ModifyUser { .. }
            | AccountEntry::ReleaseUser { .. }
            | AccountEntry::DisableUser { .. } => {}
        }
    }
    (&state.users, &state.groups) != (&before.0, &before.1)
}

/// Returns the user that the step of an entry creates, or `None` if the step creates no user.
const fn created_user(entry: &AccountEntry) -> Option<&User> {
    match entry {
        AccountEntry::CreateUser { step } => Some(&step.user),
        AccountEntry::CreateGroup { .. }
        | AccountEntry::ModifyUser { .. }
        | AccountEntry::ReleaseUser { .. }
        | AccountEntry::DisableUser { .. } => None,
    }
}
