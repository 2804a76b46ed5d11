//! Results of health checks.

use serde::{Deserialize, Serialize};

use super::check::{Check, CheckName, OnCheckFailure, Side};
use crate::SCHEMA;
use crate::generation::Generation;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// The check's name.
    pub name: CheckName,
    /// `unit`, `http`, `tcp` or `command`.
    pub kind: String,
    /// Where it ran.
    pub from: Side,
    /// The effect of a failure.
    pub on_failure: OnCheckFailure,
    /// Whether the last attempt succeeded.
    pub passed: bool,
    /// Number of attempts.
    pub attempts: u32,
    /// Total duration, in milliseconds.
    pub duration_ms: u64,
    /// What the last attempt found, in a few words.
    pub detail: String,
}

impl CheckResult {
    /// Maximum length of a detail, in characters.
    const LONGEST: usize = 1000;

    /// Builds a result; a long detail is cut.
    #[must_use]
    pub fn of(check: &Check, passed: bool, attempts: u32, duration_ms: u64, detail: &str) -> Self {
        let printable = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        Self {
            name: check.name.clone(),
            kind: check.probe.kind().to_owned(),
            from: check.from,
            on_failure: check.on_failure,
            passed,
            attempts,
            duration_ms,
            detail: detail.trim().chars().take(Self::LONGEST).map(printable).collect(),
        }
    }

    /// The result of a check that could not be tried: it counts as failed.
    #[must_use]
    pub fn untried(check: &Check, why: &str) -> Self {
        Self::of(check, false, 0, 0, why)
    }
}

/// The results of the checks of the generation in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The generation in force.
    pub generation: Generation,
    /// When they were tried, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// The results of the checks that run on the host, by name.
    pub results: Vec<CheckResult>,
    /// The names of the checks that run elsewhere.
    #[serde(default)]
    pub elsewhere: Vec<CheckName>,
}

impl Checked {
    /// Results of checks tried at a time, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn at(
        at: u64,
        generation: Generation,
        results: Vec<CheckResult>,
        elsewhere: Vec<CheckName>,
    ) -> Self {
        Self { schema: SCHEMA, generation, at, results, elsewhere }
    }
}
