//! Computes the values that an account must have. These values depend on the manifest, on the values that the
//! account had before NixFleet managed it, and on changes by hand. All functions are pure.

use std::collections::BTreeSet;

use nixfleet_contract::manifest::{User, UserField};
use nixfleet_contract::values::Owner;

use crate::engine::state::{OwnedUser, Restriction};
use crate::host::accounts::{Account, Accounts, EXPIRED};

/// The values that an account must have after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetAccount {
    /// The name of the primary group.
    pub group: String,
    /// The home directory.
    pub home: String,
    /// The login shell.
    pub shell: String,
    /// The comment field of the account in passwd(5).
    pub description: String,
    /// The names of the supplementary groups, sorted.
    pub groups: Vec<String>,
    /// The expiry date and password lock.
    pub restriction: Restriction,
    /// The fields that are not restored to their earlier values because someone has changed them by hand.
    pub left_alone: Vec<LeftAlone>,
}

/// A field that is not restored to its earlier value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// The name of the field.
    pub field: &'static str,
    /// The current value, which stays.
    pub now: String,
    /// The value before NixFleet managed the user.
    pub was: String,
}

/// The inputs from which the target values of an account are computed.
#[derive(Clone, Copy)]
pub struct AccountInputs<'a> {
    /// The user in the manifest, or `None` if the management of the user ends.
    pub user: Option<&'a User>,
    /// The current account, as it is in the account files.
    pub account: &'a Account,
    /// The user in the recorded state.
    pub owned: Option<&'a OwnedUser>,
    /// All accounts of the host.
    pub accounts: &'a Accounts,
}

impl AccountInputs<'_> {
    /// Computes the values that the account must have.
    #[must_use]
    pub fn target(self) -> TargetAccount {
        let mut left_alone = Vec::new();
        let mut field = |field| self.field(field, &mut left_alone);
        let [group, home, shell, description] =
            [UserField::Group, UserField::Home, UserField::Shell, UserField::Description].map(&mut field);
        let (groups, restriction) = (self.groups(), self.restriction());
        TargetAccount { group, home, shell, description, groups, restriction, left_alone }
    }

    /// Returns the value that one field must have: the value in the manifest, the value before NixFleet
    /// managed the user, or the current value.
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
        // The earlier primary group can be restored only if it still exists. For a deleted group, `same`
        // returns false even if the group is compared with itself.
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

    /// Returns the supplementary groups: the current groups without the groups that NixFleet added, plus the
    /// groups in the manifest.
    fn groups(self) -> Vec<String> {
        let declared: BTreeSet<&str> =
            self.user.iter().flat_map(|user| user.extra_groups.iter().map(|group| &**group)).collect();
        let ours = |name: &str| self.owned.is_some_and(|owned| owned.groups.contains(name));
        let stays = self.account.groups.iter().map(String::as_str).filter(|name| !ours(name));
        let groups: BTreeSet<&str> = stays.chain(declared).collect();
        groups.into_iter().map(str::to_owned).collect()
    }

    /// Returns the restriction that the account must have. When a disabled user is enabled again, this is the
    /// restriction from before the user was disabled, except for parts that someone has changed since then.
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
    /// Returns the account with the values that it will have in the account files after the change.
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

/// Whether the manifest determines the value of a field. This is the case if the manifest states the field,
/// or if NixFleet created the account. In an account that NixFleet created, a field that the manifest does
/// not state has its default value. In any other account, such a field is left unchanged.
#[must_use]
pub fn states(user: &User, field: UserField, owned: Option<&OwnedUser>) -> bool {
    user.states(field) || owned.is_some_and(|owned| owned.created)
}

/// Returns the home that must exist for a user, if any. `account` is the existing account, if there is one.
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

/// Returns the name of a field as it is shown in plans.
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

/// Returns the value of a field in an account, or `None` if the account files do not contain the field.
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

/// Returns the value of a field in the manifest, or `None` if the account files do not contain the field.
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

/// Returns the groups to which NixFleet added the account and of which the account is still a member.
#[must_use]
pub fn given(account: &Account, owned: &OwnedUser) -> BTreeSet<Owner> {
    let is_member = |group: &&Owner| account.groups.iter().any(|name| *name == ***group);
    owned.groups.iter().filter(is_member).cloned().collect()
}
