//! The selection of the hosts that a command works on.

use nixfleet_contract::fleet::Base;
use serde::{Deserialize, Serialize};

/// A selection of hosts. A host is selected if it matches at least one word of each field that is not empty.
/// An empty selection means every host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// Host names, lists of host names, or patterns such as `web-*`.
    pub hosts: Vec<String>,
    /// Tags. The groups `all`, `ubuntu` and `nixos` always exist.
    pub tags: Vec<String>,
    /// Roles of hosts.
    pub roles: Vec<String>,
    /// Bases of hosts.
    pub bases: Vec<Base>,
    /// Selector expressions such as `web-* and @prod and not @canary`.
    pub expressions: Vec<String>,
}

impl Selection {
    /// Creates a selection of the host with this name.
    #[must_use]
    pub fn of_host(name: &str) -> Self {
        Self { hosts: vec![name.to_owned()], ..Self::default() }
    }

    /// Whether the selection is empty, which means every host.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        let Self { hosts, tags, roles, bases, expressions } = self;
        hosts.is_empty() && tags.is_empty() && roles.is_empty() && bases.is_empty() && expressions.is_empty()
    }
}
