//! The values that an account gets, from the manifest, its earlier values and changes made by hand. Pure.

use std::collections::BTreeSet;

use nixfleet_contract::manifest::{User, UserField};
use nixfleet_contract::values::Owner;

use crate::engine::state::{OwnedUser, Restriction};
use crate::host::accounts::{Account, Accounts, EXPIRED};

/// The account after the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetAccount {
    /// Primary group, by name.
    pub group: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Comment field.
    pub description: String,
    /// Further groups, sorted.
    pub groups: Vec<String>,
    /// Whether, and how, it is kept from being used.
    pub restriction: Restriction,
    /// Fields that would return to their earlier values, but that somebody has changed by hand since.
    pub left_alone: Vec<LeftAlone>,
}

/// A field that does not return to its earlier value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// The name of the field.
    pub field: &'static str,
    /// Its current value, which stays.
    pub now: String,
    /// Its value before it was managed.
    pub was: String,
}

/// The inputs that decide what an account becomes.
#[derive(Clone, Copy)]
pub struct AccountInputs<'a> {
    /// The user in the manifest; `None` if its management ends.
    pub user: Option<&'a User>,
    /// The account in the account files.
    pub account: &'a Account,
    /// The user in the recorded state.
    pub owned: Option<&'a OwnedUser>,
    /// All accounts of the host.
    pub accounts: &'a Accounts,
}

impl AccountInputs<'_> {
    /// Computes the account after the change.
    #[must_use]
    pub fn target(self) -> TargetAccount {
        let mut left_alone = Vec::new();
        let mut field = |field| self.field(field, &mut left_alone);
        let [group, home, shell, description] =
            [UserField::Group, UserField::Home, UserField::Shell, UserField::Description].map(&mut field);
        let (groups, restriction) = (self.groups(), self.restriction());
        TargetAccount { group, home, shell, description, groups, restriction, left_alone }
    }

    /// The value of one field: stated in the manifest, restored, or left as it is.
    fn field(self, field: UserField, left_alone: &mut Vec<LeftAlone>) -> String {
        let decides = self.user.filter(|user| states(user, field, self.owned));
        if let Some(stated) = decides.and_then(|user| stated_value(field, user)) {
            return stated.to_owned();
        }
        let now = value_of(field, self.account, self.accounts).unwrap_or_default();
        let Some(before) = self.owned.and_then(|owned| owned.before.get(&field)) else { return now };
        let same = |one: &str, other: &str| match field {
            UserField::Group => self.accounts.gid(one).is_some_and(|id| self.accounts.gid(other) == Some(id)),
            UserField::Home
            | UserField::Shell
            | UserField::Description
            | UserField::CreateHome
            | UserField::System => one == other,
        };
        // The group may have been deleted since, and an account needs a primary group.
        let can_return = same(&before.was, &before.was);
        if same(&now, &before.left) && can_return {
            return before.was.clone();
        }
        if !same(&now, &before.was) {
            let (field, was) = (name(field), before.was.clone());
            left_alone.push(LeftAlone { field, now: now.clone(), was });
        }
        now
    }

    /// The further groups: the current ones, without those that NixFleet added and the manifest no longer
    /// has, plus those that it has.
    fn groups(self) -> Vec<String> {
        let declared: BTreeSet<&str> =
            self.user.iter().flat_map(|user| user.extra_groups.iter().map(|group| &**group)).collect();
        let ours = |name: &str| self.owned.is_some_and(|owned| owned.groups.contains(name));
        let stays = self.account.groups.iter().map(String::as_str).filter(|name| !ours(name));
        let groups: BTreeSet<&str> = stays.chain(declared).collect();
        groups.into_iter().map(str::to_owned).collect()
    }

    /// A restriction from before management returns, if the account is still as it was when NixFleet disabled
    /// it.
    fn restriction(self) -> Restriction {
        let Account { expires, locked_password, .. } = self.account;
        let now = Restriction { expires: expires.clone(), locked_password: *locked_password };
        let Some(owned) = self.owned.filter(|owned| owned.disabled && self.user.is_some()) else {
            return now;
        };
        let before = owned.restriction.clone().unwrap_or_default();
        Restriction {
            expires: if now.expires == EXPIRED { before.expires } else { now.expires },
            locked_password: now.locked_password && before.locked_password,
        }
    }
}

impl TargetAccount {
    /// The account as the account files will have it.
    #[must_use]
    pub fn account(&self, account: &Account, accounts: &Accounts) -> Account {
        Account {
            uid: account.uid,
            gid: accounts.gid(&self.group).unwrap_or(account.gid),
            description: self.description.clone(),
            home: self.home.clone(),
            shell: self.shell.clone(),
            groups: self.groups.clone(),
            shadow_groups: account.shadow_groups.clone(),
            expires: self.restriction.expires.clone(),
            locked_password: self.restriction.locked_password,
        }
    }
}

/// Whether the manifest decides about a field of an account. In an account that NixFleet created, an unstated
/// field has the value of a new account; in one that existed before, it is left alone.
#[must_use]
pub fn states(user: &User, field: UserField, owned: Option<&OwnedUser>) -> bool {
    user.states(field) || owned.is_some_and(|owned| owned.created)
}

/// The home that a user must have, if any. `account`: the existing account, if there is one.
#[must_use]
pub fn home_to_have(
    user: &User,
    account: Option<&Account>,
    owned: Option<&OwnedUser>,
    accounts: &Accounts,
) -> Option<String> {
    let Some(account) = account else { return user.create_home.then(|| user.home.to_string()) };
    let creates_home = user.create_home && states(user, UserField::CreateHome, owned);
    creates_home.then(|| AccountInputs { user: Some(user), account, owned, accounts }.target().home)
}

/// The name of a field, as a plan shows it.
#[must_use]
pub const fn name(field: UserField) -> &'static str {
    match field {
        UserField::Group => "group",
        UserField::Home => "home",
        UserField::CreateHome => "createHome",
        UserField::Shell => "shell",
        UserField::System => "system",
        UserField::Description => "description",
    }
}

/// The value of a field in an account.
#[must_use]
pub fn value_of(field: UserField, account: &Account, accounts: &Accounts) -> Option<String> {
    match field {
        UserField::Group => Some(accounts.group_of(account.gid).to_string()),
        UserField::Home => Some(account.home.clone()),
        UserField::Shell => Some(account.shell.clone()),
        UserField::Description => Some(account.description.clone()),
        UserField::CreateHome | UserField::System => None,
    }
}

/// The value of a field in the manifest.
#[must_use]
pub fn stated_value(field: UserField, user: &User) -> Option<&str> {
    match field {
        UserField::Group => Some(&user.group),
        UserField::Home => Some(&user.home),
        UserField::Shell => Some(&user.shell),
        UserField::Description => Some(&user.description),
        UserField::CreateHome | UserField::System => None,
    }
}

/// Memberships of an account that NixFleet added.
#[must_use]
pub fn given(account: &Account, owned: &OwnedUser) -> BTreeSet<Owner> {
    let is_member = |group: &&Owner| account.groups.iter().any(|name| *name == ***group);
    owned.groups.iter().filter(is_member).cloned().collect()
}
