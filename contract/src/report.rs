//! The result of a change on a host.

use serde::{Deserialize, Serialize};

use crate::generation::Generation;
use crate::health::CheckResult;
use crate::health::check::CheckName;
use crate::outcome::{Outcome, ReasonCode};
use crate::problem::Problem;

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
