//! The updates that a host would install.

use serde::{Deserialize, Serialize};

use super::reboot::RebootReason;
use crate::SCHEMA;
use crate::apt::plan::{AptPlan, SourceRelease};
use crate::generation::Generation;
use crate::values::{Invalid, PackageName, PackageVersion};

/// Which updates are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum UpdateScope {
    /// Only updates from releases with security updates, and what they need.
    Security,
    /// All updates. No package is removed.
    Full,
}

impl std::str::FromStr for UpdateScope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Security, Self::Full]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| Invalid(format!("`{}` is neither `security` nor `full`", text.escape_debug())))
    }
}

impl UpdateScope {
    /// Returns the word for the scope in JSON, in tables and on the command line of the activator.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Full => "full",
        }
    }
}

/// The updates that a host would install, and those that it would not, each with the reason. Updates that
/// the distribution phases are among those that it would install: the waves of a rollout are the phases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdatePlan {
    /// The schema version, always [`SCHEMA`].
    pub schema: u32,
    /// The name of the host in the manifest in force; empty if the host is not managed yet.
    pub host: String,
    /// The scope of the plan.
    pub scope: UpdateScope,
    /// The generation in force. An update leaves it as it is.
    pub current: Option<Generation>,
    /// The transaction of apt. Its problems are reasons why nothing can be planned or installed.
    pub apt: AptPlan,
    /// The updates that stay out, sorted by name.
    pub held: Vec<HeldUpdate>,
    /// The time at which the lists of packages were fetched, in seconds since 1970-01-01 UTC; 0 if they never
    /// were.
    pub refreshed: u64,
    /// The reasons for which the host has to be rebooted already, before the update.
    pub reboot: Vec<RebootReason>,
    /// The packages of the plan that usually ask for a reboot, such as a kernel; sorted.
    pub reboot_expected: Vec<PackageName>,
    /// A description of an interrupted run; `None` if no run was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
}

impl UpdatePlan {
    /// Returns whether carrying out the plan changes packages.
    #[must_use]
    pub const fn is_to_change(&self) -> bool {
        !self.apt.is_empty()
    }

    /// Creates a plan without updates.
    #[must_use]
    pub fn nothing(host: String, scope: UpdateScope, refreshed: u64) -> Self {
        Self {
            schema: SCHEMA,
            host,
            scope,
            current: None,
            apt: AptPlan::default(),
            held: Vec::new(),
            refreshed,
            reboot: Vec::new(),
            reboot_expected: Vec::new(),
            interrupted: None,
        }
    }
}

/// An update that is offered to a host, but not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldUpdate {
    /// The name of the package without an architecture.
    pub name: PackageName,
    /// The architecture of the package.
    pub architecture: String,
    /// The installed version.
    pub from: PackageVersion,
    /// The version that is offered.
    pub to: PackageVersion,
    /// The release that offers the version. It is empty if apt cannot install the version at all.
    pub release: SourceRelease,
    /// The reason.
    pub why: HeldReason,
}

/// Why an update is not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum HeldReason {
    /// The inventory or the intent holds the package.
    HeldByPolicy,
    /// Somebody else holds the package, with `apt-mark hold`.
    HeldOnHost,
    /// The update is not a security update, and the plan has only those.
    NotSecurity,
    /// The update would remove packages.
    WouldRemove {
        /// The packages that it would remove, sorted.
        packages: Vec<PackageName>,
    },
    /// apt keeps the package back, and does not say why. Most often a dependency cannot be installed.
    KeptBack,
}

impl std::fmt::Display for HeldReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HeldByPolicy => f.write_str("held by the inventory"),
            Self::HeldOnHost => f.write_str("held on the host with apt-mark"),
            Self::NotSecurity => f.write_str("not a security update"),
            Self::WouldRemove { packages } => {
                let names: Vec<&str> = packages.iter().map(|name| &**name as &str).collect();
                write!(f, "would remove {}", names.join(", "))
            }
            Self::KeptBack => f.write_str("kept back by apt"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_without_updates_changes_nothing_and_reads_back() {
        let plan = UpdatePlan::nothing("web-1".to_owned(), UpdateScope::Security, 7);
        assert!(!plan.is_to_change());
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!(json["scope"], "security");
        assert_eq!(serde_json::from_value::<UpdatePlan>(json).unwrap(), plan);
    }

    #[test]
    fn each_reason_is_one_clause() {
        let packages = vec!["a1".parse().unwrap(), "b1".parse().unwrap()];
        let why = HeldReason::WouldRemove { packages };
        assert_eq!(why.to_string(), "would remove a1, b1");
        assert_eq!(
            serde_json::to_value(&why).unwrap(),
            serde_json::json!({ "reason": "wouldRemove", "packages": ["a1", "b1"] })
        );
    }
}
