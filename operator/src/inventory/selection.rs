//! Which hosts a command works on.

use nixfleet_contract::fleet::Base;
use serde::{Deserialize, Serialize};

/// A selection of hosts. Several words of one kind add up; different kinds narrow each other down; none at
/// all means every host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// Names of hosts, lists of them, or patterns such as `web-*`.
    pub hosts: Vec<String>,
    /// Tags; `all`, `ubuntu` and `nixos` are groups that exist always.
    pub tags: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Bases.
    pub bases: Vec<Base>,
    /// Expressions such as `web-* and @prod and not @canary`.
    pub expressions: Vec<String>,
}

impl Selection {
    /// The host of this name.
    #[must_use]
    pub fn of_host(name: &str) -> Self {
        Self { hosts: vec![name.to_owned()], ..Self::default() }
    }

    /// Whether it selects every host, because it says nothing.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        let Self { hosts, tags, roles, bases, expressions } = self;
        hosts.is_empty() && tags.is_empty() && roles.is_empty() && bases.is_empty() && expressions.is_empty()
    }
}
