//! Steps that create and change users and groups.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::manifest::{User, UserField};
use crate::values::{AccountName, Owner};

/// A step that creates or changes an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum AccountStep {
    /// Create a group.
    CreateGroup(CreateGroup),
    /// Create a user.
    CreateUser(CreateUser),
    /// Make an existing user match the manifest, or enable a disabled user again.
    ModifyUser(ModifyUser),
    /// Restore a user to the state that the account had before NixFleet managed it.
    ReleaseUser(ReleaseUser),
    /// Lock a user, disable the login shell of the user, and remove the user from groups. The account and its
    /// id are kept.
    DisableUser(DisableUser),
}

/// The details of [`AccountStep::CreateGroup`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroup {
    /// Name of the group.
    pub name: AccountName,
    /// Numeric id, if the manifest sets one.
    pub gid: Option<u32>,
}

/// The details of [`AccountStep::CreateUser`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateUser {
    /// The user to create.
    pub user: User,
}

/// The details of [`AccountStep::ModifyUser`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyUser {
    /// The user, as in the manifest.
    pub user: User,
    /// The differences, each in the form `field: old → new`.
    pub changes: Vec<String>,
    /// The fields that the manifest does not set. These fields are restored to the values that they had
    /// before NixFleet managed the account, or are left unchanged.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

/// The details of [`AccountStep::ReleaseUser`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseUser {
    /// Name of the user.
    pub name: Owner,
    /// The differences, each in the form `field: old → new`.
    pub changes: Vec<String>,
}

/// The details of [`AccountStep::DisableUser`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisableUser {
    /// Name of the user.
    pub name: Owner,
    /// The groups to remove the user from. NixFleet added the user to these groups earlier.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Owner>,
}

impl AccountStep {
    /// Returns whether the step creates or changes a managed account. Such steps are executed before any path
    /// is changed.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        match self {
            Self::CreateGroup(_) | Self::CreateUser(_) | Self::ModifyUser(_) => true,
            Self::ReleaseUser(_) | Self::DisableUser(_) => false,
        }
    }

    /// Describes the step in one line, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::CreateGroup(CreateGroup { name, gid }) => {
                Line::new(Sign::Comes, format!("group {name}{}", id(*gid)))
            }
            Self::CreateUser(CreateUser { user }) => Line::new(Sign::Comes, described(user)),
            Self::ModifyUser(ModifyUser { user, changes, .. }) => {
                Line::new(Sign::Changes, format!("user {}: ", user.name)).and(Tone::Plain, changes.join(", "))
            }
            Self::ReleaseUser(ReleaseUser { name, changes }) => {
                Line::new(Sign::Changes, format!("user {name}: "))
                    .and(Tone::Plain, changes.join(", "))
                    .and(Tone::Quiet, "  as before NixFleet managed the user")
            }
            Self::DisableUser(DisableUser { name, groups }) => {
                let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
                let left = if groups.is_empty() {
                    String::new()
                } else {
                    format!(" and leaves {}", groups.join(", "))
                };
                let what = format!("user {name} is locked{left}; the account and its id stay");
                Line::new(Sign::Goes, what)
            }
        }
    }
}

fn described(user: &User) -> String {
    let kind = if user.system { "system user" } else { "user" };
    let several = if user.extra_groups.is_empty() { "" } else { "s" };
    let groups = user.extra_groups.iter().map(|group| format!(", {group}"));
    let groups: Vec<String> = std::iter::once(user.group.to_string()).chain(groups).collect();
    let User { name, home, shell, .. } = user;
    format!(
        "{kind} {name}{}, group{several} {}, home {}, shell {}",
        id(user.uid),
        groups.concat(),
        &**home,
        &**shell
    )
}

fn id(id: Option<u32>) -> String {
    id.map_or_else(String::new, |id| format!(" (id {id})"))
}
