//! How a host ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a host ended, the same words everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Changed, and as it should be.
    Ok,
    /// Nothing had to change.
    Unchanged,
    /// Changed, but something is left undone: a reason code says what, and whether it counts as a failure.
    Partial,
    /// Nothing changed: it waits for a window, a turn or a boot.
    Deferred,
    /// Refused before anything was touched.
    Blocked,
    /// Left out on purpose.
    Skipped,
    /// Something went wrong and could not be undone, or its truth is unknown.
    Failed,
    /// Something went wrong and the host is back as it was.
    RolledBack,
    /// It did not answer.
    Unreachable,
}

impl Outcome {
    /// The word in JSON and in tables.
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

    /// Whether the host was changed and the change stands.
    #[must_use]
    pub const fn has_changed(self) -> bool {
        matches!(self, Self::Ok | Self::Partial)
    }

    /// Whether the command may end with exit code 0.
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

/// Why a host is [`Outcome::Partial`]: what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// Health checks failed that leave a change as it is: `onFailure = "continue"`.
    HealthChecks,
    /// Paths were left as they are, since somebody said so: `--force PATH`.
    #[serde(rename = "paths-left-out")]
    PathsExcluded,
    /// A reason that only a newer `NixFleet` knows.
    #[serde(other)]
    Unknown,
}

impl ReasonCode {
    /// Whether it counts as a failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::HealthChecks | Self::Unknown => true,
            Self::PathsExcluded => false,
        }
    }
}
