//! The result of a change on a host: outcomes, the report of an apply, and the status of a host.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::health::check::CheckName;
use crate::health::{CheckResult, Checked};
use crate::plan::{Drift, Generation};
use crate::problem::Problem;
use crate::run::LastRun;
use crate::values::UnitName;

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

/// The report of an apply or a rollback on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The reason, if the outcome is [`Outcome::Partial`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// The generation in force before.
    pub before: Option<Generation>,
    /// The generation in force now.
    pub after: Option<Generation>,
    /// How many steps were done.
    pub steps_done: usize,
    /// Backups of hand-edited or adopted content, as absolute paths on the host.
    #[serde(rename = "kept")]
    pub backups: Vec<String>,
    /// Findings that could not be checked before the change, or that the change did not cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What went wrong.
    pub problem: Option<Problem>,
    /// What an interrupted earlier run left, and how it was recovered.
    pub recovered: Option<String>,
    /// Results of the generation's health checks, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<CheckResult>,
    /// Names of health checks that run elsewhere, if the change was not confirmed with their results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_others: Vec<CheckName>,
    /// Wall-clock time on the host, in milliseconds.
    pub duration_ms: u64,
}

/// A document that the activator prints in place of any other if it cannot start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// Why it could not start.
    pub problem: Problem,
}

/// The status of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name from the manifest in force; `None` if the host is not managed yet.
    pub host: Option<String>,
    /// The generation in force.
    pub current: Option<Generation>,
    /// Every generation that still exists, oldest first.
    pub generations: Vec<GenerationInfo>,
    /// Differences between the host and what the last apply left.
    pub drift: Vec<Drift>,
    /// Managed units and their state.
    pub units: Vec<UnitStatus>,
    /// Backups of hand-edited content that was replaced or removed, as absolute paths.
    #[serde(rename = "kept")]
    pub backups: Vec<String>,
    /// An interrupted run that the next apply will recover.
    pub interrupted: Option<String>,
    /// The run that holds the lock, in words.
    pub locked_by: Option<String>,
    /// The last finished run and its report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRun>,
    /// The results of the last health checks on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Checked>,
}

/// A generation as `status` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationInfo {
    /// Number and closure.
    #[serde(flatten)]
    pub generation: Generation,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// Its creator and source revision.
    #[serde(flatten)]
    pub made: Made,
}

/// The creator and source of a generation, if known: an older `NixFleet` did not record them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The person, `user@machine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The revision of the flake in Git, with `-dirty` where the tree had changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A unit as systemd shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// Unit name.
    pub unit: UnitName,
    /// `ActiveState`, such as `active`.
    pub active: String,
    /// `SubState`, such as `running`.
    pub sub: String,
}
