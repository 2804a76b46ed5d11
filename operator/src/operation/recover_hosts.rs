//! The hosts that may recover from interrupted runs before they plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The hosts that may recover from interrupted runs before they plan. By default, no host may recover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecoverHosts {
    /// Only the hosts with these names, on which the user has been shown an interrupted run.
    Named(BTreeSet<String>),
    /// All hosts, because the user will not be asked.
    All,
}

impl Default for RecoverHosts {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl RecoverHosts {
    /// Whether a host may recover.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(host),
            Self::All => true,
        }
    }

    /// Adds the hosts with the given names.
    #[must_use]
    pub fn and<'h>(self, hosts: impl IntoIterator<Item = &'h str>) -> Self {
        match self {
            Self::Named(mut names) => {
                names.extend(hosts.into_iter().map(str::to_owned));
                Self::Named(names)
            }
            Self::All => Self::All,
        }
    }
}
