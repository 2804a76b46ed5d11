//! Results of health checks.

use serde::{Deserialize, Serialize};

use super::check::{Check, CheckName, OnCheckFailure, Side};
use crate::SCHEMA;
use crate::generation::Generation;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// The name of the check.
    pub name: CheckName,
    /// The kind of the check: `unit`, `http`, `tcp` or `command`.
    pub kind: String,
    /// The target of the check, such as `GET http://localhost/`; `None` if an older `NixFleet` ran the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<String>,
    /// The machine that ran the check: the host, or the operator's machine.
    pub from: Side,
    /// The effect of a failure of this check on the change.
    pub on_failure: OnCheckFailure,
    /// Whether the last attempt succeeded.
    pub passed: bool,
    /// The number of attempts.
    pub attempts: u32,
    /// Total duration of the check, in milliseconds.
    pub duration_ms: u64,
    /// A short description of what the last attempt found.
    pub detail: String,
}

impl CheckResult {
    /// Maximum length of [`CheckResult::detail`], in characters.
    const LONGEST: usize = 1000;
    /// Maximum length of [`CheckResult::tried`], in characters.
    const LONGEST_TRIED: usize = 200;

    /// Creates the result of a check. Texts that are too long are truncated.
    #[must_use]
    pub fn of(check: &Check, passed: bool, attempts: u32, duration_ms: u64, detail: &str) -> Self {
        let one_line = |c: char| if c.is_control() { ' ' } else { c };
        let printable = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        Self {
            name: check.name.clone(),
            kind: check.probe.kind().to_owned(),
            tried: Some(check.probe.to_string().chars().take(Self::LONGEST_TRIED).map(one_line).collect()),
            from: check.from,
            on_failure: check.on_failure,
            passed,
            attempts,
            duration_ms,
            detail: detail.trim().chars().take(Self::LONGEST).map(printable).collect(),
        }
    }

    /// Creates the result of a check that could not be tried. Such a check counts as failed.
    #[must_use]
    pub fn untried(check: &Check, why: &str) -> Self {
        Self::of(check, false, 0, 0, why)
    }
}

/// The results of the health checks that a host ran for its generation in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// The schema version, always [`SCHEMA`].
    pub schema: u32,
    /// The generation in force.
    pub generation: Generation,
    /// The time at which the checks ran, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// The results of the checks that run on the host, sorted by name.
    pub results: Vec<CheckResult>,
    /// The names of the checks that run on the operator's machine. The results of these checks are not in
    /// `results`.
    #[serde(default)]
    pub elsewhere: Vec<CheckName>,
}

impl Checked {
    /// Creates a document with the results of checks. `at` is the time at which the checks ran, in seconds
    /// since 1970-01-01 UTC.
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
