//! One finding about a machine.

use nixfleet_contract::problem::Problem;
use serde::Serialize;

/// A finding about the operator's machine or about a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The name of the check, such as `nix`.
    pub check: &'static str,
    /// Whether the machine is as it should be.
    pub verdict: DoctorVerdict,
    /// What the check found.
    pub what: String,
    /// The command that corrects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Whether a machine is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DoctorVerdict {
    /// It is as it should be.
    Good,
    /// NixFleet works, but something should be corrected.
    Warning,
    /// NixFleet does not work until this is corrected.
    Bad,
}

impl DoctorVerdict {
    /// Returns the verdict in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

impl Finding {
    /// Creates the finding that all is as it should be.
    pub fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: DoctorVerdict::Good, what: what.into(), help: None }
    }

    /// Creates a finding that should be corrected.
    pub fn warning(check: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, verdict: DoctorVerdict::Warning, what: what.into(), help: Some(help.into()) }
    }

    /// Creates a finding that must be corrected.
    pub fn bad(check: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, verdict: DoctorVerdict::Bad, what: what.into(), help: Some(help.into()) }
    }

    /// Creates the finding of a check that ended with a problem.
    #[must_use]
    pub fn of_problem(check: &'static str, problem: &Problem) -> Self {
        let what = match &problem.why {
            Some(why) => format!("[{}] {}: {why}", problem.code, problem.what),
            None => format!("[{}] {}", problem.code, problem.what),
        };
        Self { check, verdict: DoctorVerdict::Bad, what, help: problem.help.clone() }
    }
}
