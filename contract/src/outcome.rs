//! The outcome of a host: how an operation on the host ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The outcome of a host, in the same words in all documents and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The host changed, and is as it should be.
    Ok,
    /// Nothing had to change.
    Unchanged,
    /// The host changed, but a part of it is not as declared. The reason code tells why, and determines
    /// whether the host counts as failed.
    Partial,
    /// Nothing changed, because the host waits for a window, for its turn or for a reboot.
    Deferred,
    /// The change was refused before anything on the host was changed.
    Blocked,
    /// The host was skipped on purpose.
    Skipped,
    /// The operation failed and was not undone, or the state of the host is unknown.
    Failed,
    /// The operation failed, and the host was restored to its previous state.
    RolledBack,
    /// The host did not answer.
    Unreachable,
}

impl Outcome {
    /// Returns the word for the outcome in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unchanged => "unchanged",
            Self::Partial => "partial",
            Self::Deferred => "deferred",
            Self::Blocked => "blocked",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Unreachable => "unreachable",
        }
    }

    /// Returns whether the host was changed and the change was kept.
    #[must_use]
    pub const fn has_changed(self) -> bool {
        matches!(self, Self::Ok | Self::Partial)
    }

    /// Returns whether the outcome allows the command to end with exit code 0.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::Unchanged)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The reason for [`Outcome::Partial`] or [`Outcome::Deferred`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// A health check failed, and the change stays in place: the check has `onFailure = "continue"`, or the
    /// change is an update of the operating system, which nothing undoes.
    HealthChecks,
    /// Paths were left as they are: they were excluded with `--force PATH`, or only NixOS can restore them.
    #[serde(rename = "paths-left-out")]
    PathsExcluded,
    /// A part of the change takes effect only when the host is restarted.
    RebootToFinish,
    /// apt has changed packages, but the change that should have followed was refused or undone. Nothing
    /// undoes what apt did.
    AptForwardOnly,
    /// apt has changed packages, but the change that should have followed is no longer the planned one.
    PlanChanged,
    /// A transaction of apt did not finish. The next plan repairs the packages.
    AptUnfinished,
    /// The reason is known only to a newer `NixFleet`.
    #[serde(other)]
    Unknown,
}

impl ReasonCode {
    /// Returns whether the host may lack the change of its generation, although apt has changed packages. A
    /// rollout counts such a host as failed.
    #[must_use]
    pub const fn is_of_apt(self) -> bool {
        match self {
            Self::AptForwardOnly | Self::PlanChanged | Self::AptUnfinished => true,
            Self::HealthChecks | Self::PathsExcluded | Self::RebootToFinish | Self::Unknown => false,
        }
    }

    /// Returns whether the reason counts as a failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::HealthChecks
            | Self::AptForwardOnly
            | Self::PlanChanged
            | Self::AptUnfinished
            | Self::Unknown => true,
            Self::PathsExcluded | Self::RebootToFinish => false,
        }
    }
}
