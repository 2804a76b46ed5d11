//! The users and groups of a host.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::values::{AbsPath, AccountName, Owner};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// The name of the group.
    pub name: AccountName,
    /// Numeric id; chosen by the host if `None`.
    pub gid: Option<u32>,
}

/// A user. Every field has a value: a field that no module sets has the value of a new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The name of the user. An existing account may have any name. A new account is created only if the name
    /// is an [`AccountName`].
    pub name: Owner,
    /// Numeric id; chosen by the host if `None`.
    pub uid: Option<u32>,
    /// The primary group. It exists already, or is created before the user.
    pub group: Owner,
    /// The supplementary groups. Memberships in groups that are not listed here are not changed.
    pub extra_groups: Vec<Owner>,
    /// Home directory.
    pub home: AbsPath,
    /// Whether to create the home directory if it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: AbsPath,
    /// Whether the host takes the numeric id from the range for system users.
    pub system: bool,
    /// The comment field of the account.
    pub description: String,
    /// The fields that no module sets. An existing account keeps its own values of these fields.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

impl User {
    /// Returns whether a module sets a field.
    #[must_use]
    pub fn states(&self, field: UserField) -> bool {
        !self.unstated.contains(&field)
    }
}

/// A field of a user that modules may leave unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserField {
    /// Primary group.
    Group,
    /// Home directory.
    Home,
    /// Whether to create the home directory.
    CreateHome,
    /// Login shell.
    Shell,
    /// Whether the account is a system account.
    System,
    /// The comment field of the account.
    Description,
}
