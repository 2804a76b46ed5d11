//! Steps that create and change users and groups.

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
    /// Make an existing user match the manifest, or enable a disabled one again.
    ModifyUser(ModifyUser),
    /// Restore an account to what it was before it was managed.
    ReleaseUser(ReleaseUser),
    /// Lock the account, and remove its shell and memberships; the user and its id stay.
    DisableUser(DisableUser),
}

/// Creation of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroup {
    /// Name.
    pub name: AccountName,
    /// Numeric id, if the manifest sets one.
    pub gid: Option<u32>,
}

/// Creation of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateUser {
    /// The user.
    pub user: User,
}

/// Change of a user to match the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyUser {
    /// The user in the manifest.
    pub user: User,
    /// The differences, each `field: old → new`.
    pub changes: Vec<String>,
    /// Fields of the account that return to their earlier values, or are left alone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

/// Return of a user to what it was before management.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseUser {
    /// Name.
    pub name: Owner,
    /// The differences, each `field: old → new`.
    pub changes: Vec<String>,
}

/// Disabling of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisableUser {
    /// Name.
    pub name: Owner,
    /// Memberships that NixFleet granted, and that are removed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Owner>,
}

impl AccountStep {
    /// Whether it creates or changes a managed account: such steps come before any swap.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        match self {
            Self::CreateGroup(_) | Self::CreateUser(_) | Self::ModifyUser(_) => true,
            Self::ReleaseUser(_) | Self::DisableUser(_) => false,
        }
    }

    /// The step in words, for people.
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
