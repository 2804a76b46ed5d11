//! Steps that make and change users and groups.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::manifest::{User, UserField};
use crate::values::{AccountName, Owner};

/// A change of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum AccountStep {
    /// Create a group.
    CreateGroup(CreateGroup),
    /// Create a user.
    CreateUser(CreateUser),
    /// Bring an existing user in line, or enable a disabled one again.
    ModifyUser(ModifyUser),
    /// Give an account back what it was before it was managed.
    ReleaseUser(ReleaseUser),
    /// Lock the account and take its shell and memberships; the user and its id stay.
    DisableUser(DisableUser),
}

/// A group that is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroup {
    /// Name.
    pub name: AccountName,
    /// Numeric id, if one is asked for.
    pub gid: Option<u32>,
}

/// A user that is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateUser {
    /// The user.
    pub user: User,
}

/// A user that is brought in line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyUser {
    /// The user as it should be.
    pub user: User,
    /// What differs, each `field: old → new`.
    pub changes: Vec<String>,
    /// Fields of the account that get back what they were before, or are left alone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

/// A user that gets back what it was before management.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseUser {
    /// Name.
    pub name: Owner,
    /// What differs, each `field: old → new`.
    pub changes: Vec<String>,
}

/// A user that is disabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisableUser {
    /// Name.
    pub name: Owner,
    /// Memberships that were given here, and go.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Owner>,
}

impl AccountStep {
    /// Whether it makes or changes an account that is managed: such steps come before anything is swapped.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        match self {
            Self::CreateGroup(_) | Self::CreateUser(_) | Self::ModifyUser(_) => true,
            Self::ReleaseUser(_) | Self::DisableUser(_) => false,
        }
    }

    /// What it does.
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
                    .and(Tone::Quiet, "  as it was before management")
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
