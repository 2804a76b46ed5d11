//! The result of a change on a host.

use serde::{Deserialize, Serialize};

use crate::apt::report::AptReport;
use crate::generation::Generation;
use crate::health::CheckResult;
use crate::health::check::CheckName;
use crate::outcome::{Outcome, ReasonCode};
use crate::problem::Problem;

/// The report of an apply or a rollback on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// The outcome of the change.
    pub outcome: Outcome,
    /// The reason for the outcome, if the outcome is [`Outcome::Partial`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// The generation in force before the change.
    pub before: Option<Generation>,
    /// The generation in force after the change.
    pub after: Option<Generation>,
    /// The number of steps that were done.
    pub steps_done: usize,
    /// The backups that the change made of content that was edited by hand or adopted, as absolute paths on
    /// the host.
    #[serde(rename = "kept")]
    pub backups: Vec<String>,
    /// Remarks about the checks by the host's own tools: what the tools could not check, and mistakes that
    /// they found but that the change did not cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The problem that occurred, if any.
    pub problem: Option<Problem>,
    /// A description of what an interrupted earlier run left on the host, and of how the host was repaired.
    pub recovered: Option<String>,
    /// Results of the health checks of the generation, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<CheckResult>,
    /// The names of the health checks that run on the operator's machine, if the host received no
    /// confirmation with the results of these checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_others: Vec<CheckName>,
    /// The work of apt before and after the change; `None` if apt was not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apt: Option<AptReport>,
    /// How long the change took on the host, in milliseconds.
    pub duration_ms: u64,
}

impl Report {
    /// Creates the report of a run that has not begun to change the host.
    #[must_use]
    pub const fn blocked() -> Self {
        Self {
            schema: crate::SCHEMA,
            host: String::new(),
            outcome: Outcome::Blocked,
            reason_code: None,
            before: None,
            after: None,
            steps_done: 0,
            backups: Vec::new(),
            notes: Vec::new(),
            problem: None,
            recovered: None,
            health_checks: Vec::new(),
            left_to_others: Vec::new(),
            apt: None,
            duration_ms: 0,
        }
    }
}

/// The document that the activator prints if it cannot start. The activator prints it instead of the
/// requested document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The reason why the activator could not start.
    pub problem: Problem,
}
