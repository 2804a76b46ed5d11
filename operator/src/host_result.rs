//! What a command found or did on a host.

use std::time::Duration;

use nixfleet_contract::backup::{Backup, DropReport};
use nixfleet_contract::gc::{Disk, GcPlan, GcReport};
use nixfleet_contract::health::{CheckResult, HealthVerdict};
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::status::Status;
use serde::Serialize;

use crate::diagnostics::milliseconds;
use crate::event::HostEnd;
use crate::plan_text::PlanText;

/// What a command has to say of one host.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostResult {
    /// Its name.
    pub host: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What is left of a host that is partial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// `plan`, `apply`: what would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanText>,
    /// `apply`, `rollback`: what changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// `status`: how it stands; missing where it is not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// `check`, `apply`, `rollback`: what the health checks found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<CheckResult>,
    /// `run`: how the command ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Ran>,
    /// `gc`: which generations go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc: Option<Box<GcView>>,
    /// `backups`: which there are, or go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<Box<BackupsView>>,
    /// Why it is excluded, or would be, or had no turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What a garbage collection would do on a host, and did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GcView {
    /// What would go.
    pub plan: GcPlan,
    /// What went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<GcReport>,
}

/// Backups of a host.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupsView {
    /// Those that are listed or shown, or would go.
    pub list: Vec<Backup>,
    /// Those that would go, but are needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<Backup>,
    /// `backups show`: the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The filesystem they stand on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// What became of those that were to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<DropReport>,
}

/// What a command did on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// Its exit code.
    pub exit_code: i32,
    /// What it wrote on standard output.
    pub stdout: String,
    /// What it wrote on standard error.
    pub stderr: String,
}

impl HostResult {
    /// A result that so far has only an outcome.
    #[must_use]
    pub fn new(host: impl Into<String>, outcome: Outcome) -> Self {
        let host = host.into();
        Self {
            host,
            outcome,
            reason_code: None,
            plan: None,
            report: None,
            status: None,
            health_checks: Vec::new(),
            run: None,
            gc: None,
            backups: None,
            reason: None,
            problem: None,
        }
    }

    /// The result of a host that reported. What its health checks found stands beside the report.
    pub fn reported(host: impl Into<String>, mut report: Report) -> Self {
        Self {
            health_checks: std::mem::take(&mut report.health_checks),
            problem: report.problem.clone(),
            outcome: report.outcome,
            reason_code: report.reason_code,
            report: Some(report),
            ..Self::new(host, Outcome::Failed)
        }
    }

    /// The result of a host that a problem ended.
    pub fn failed(host: impl Into<String>, problem: Problem) -> Self {
        Self { outcome: outcome_of(&problem), problem: Some(problem), ..Self::new(host, Outcome::Failed) }
    }

    /// The result of a host whose health checks were tried, and that ends like this where all is well.
    #[must_use]
    pub fn checked(host: impl Into<String>, found: Vec<CheckResult>, good: Outcome) -> Self {
        let verdict = HealthVerdict::on(&found);
        let (outcome, reason_code) = (verdict.outcome(good), verdict.reason_code());
        Self {
            health_checks: found,
            reason_code,
            problem: verdict.into_problem(),
            ..Self::new(host, outcome)
        }
    }

    /// Whether the inventory leaves it out, which is no failure.
    #[must_use]
    pub fn is_excluded(&self) -> bool {
        self.outcome == Outcome::Skipped && self.reason.is_some()
    }

    /// Whether something on the host may have been changed, where something was begun on it.
    #[must_use]
    pub fn may_have_changed(&self) -> bool {
        let failed_late = || match (&self.report, &self.problem) {
            (Some(report), _) => report.steps_done > 0 || report.before != report.after,
            // A host to which nothing could be copied ahead of its turn has no plan here.
            (None, Some(problem)) => self.plan.is_some() && problem.code != Code::Copy,
            (None, None) => true,
        };
        match self.outcome {
            Outcome::Ok | Outcome::Partial | Outcome::RolledBack => true,
            Outcome::Failed | Outcome::Unreachable => failed_late(),
            Outcome::Unchanged | Outcome::Deferred | Outcome::Blocked | Outcome::Skipped => false,
        }
    }

    /// The event of this host, which took so long.
    #[must_use]
    pub fn end(&self, took: Duration) -> HostEnd {
        let (report, plan) = (self.report.as_ref(), self.plan.as_ref());
        // Nothing was done to it, or nothing is known of what was done.
        let planned = || plan.and_then(|plan| plan.current.clone());
        let stayed = matches!(
            self.outcome,
            Outcome::Unchanged | Outcome::Deferred | Outcome::Blocked | Outcome::Skipped
        );
        HostEnd {
            host: self.host.clone(),
            outcome: self.outcome,
            reason_code: self.reason_code,
            problem: self.problem.clone(),
            before: report.map_or_else(planned, |report| report.before.clone()),
            after: report.map_or_else(|| planned().filter(|_| stayed), |report| report.after.clone()),
            exit_code: self.run.as_ref().map(|ran| ran.exit_code),
            duration_ms: milliseconds(took),
        }
    }
}

/// How a host ends that stopped at this problem.
#[must_use]
pub const fn outcome_of(problem: &Problem) -> Outcome {
    match problem.code {
        Code::Unreachable | Code::SshAuth | Code::HostKey => Outcome::Unreachable,
        Code::NoSudo
        | Code::NoNix
        | Code::Locked
        | Code::Conflict
        | Code::PlanOutdated
        | Code::NoGeneration
        | Code::UnsafePath => Outcome::Blocked,
        _ => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_changed_unless_it_was_left_as_it_was() {
        let failed = |code| HostResult::failed("h", Problem::new(code, "it failed"));
        for stays in [
            HostResult::new("h", Outcome::Unchanged),
            failed(Code::Conflict),
            // Of a host to which nothing came there is no plan.
            failed(Code::Unreachable),
            failed(Code::Copy),
        ] {
            assert!(!stays.may_have_changed(), "{stays:?}");
        }
        assert!(
            HostResult::new("h", Outcome::RolledBack).may_have_changed(),
            "its services went down and up"
        );
        assert!(HostResult::new("h", Outcome::Partial).may_have_changed());
    }
}
