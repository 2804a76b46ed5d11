//! Results of a command, one for each host.

use std::time::Duration;

use nixfleet_contract::apt::report::AptReport;
use nixfleet_contract::backup::{Backup, DropReport};
use nixfleet_contract::forget::{ForgetMode, Remnant};
use nixfleet_contract::gc::{Disk, GcPlan, GcReport};
use nixfleet_contract::health::{CheckResult, HealthVerdict};
use nixfleet_contract::os::reboot::RebootReason;
use nixfleet_contract::os::update::UpdatePlan;
use nixfleet_contract::os::window::WeeklyWindow;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::status::Status;
use serde::Serialize;

use crate::bootstrap::{PlannedStep, Reported};
use crate::diagnostics::milliseconds;
use crate::doctor::Finding;
use crate::event::HostEnd;
use crate::plan_text::PlanText;
use crate::ssh::host_key::OfferedKey;

/// The result of a command on one host.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostResult {
    /// The name of the host.
    pub host: String,
    /// The outcome of the command on the host.
    pub outcome: Outcome,
    /// Only for the outcomes `partial` and `deferred`: the kind of work that is left on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// Only for the commands `plan` and `apply`: the planned changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanText>,
    /// Only for the commands `apply` and `rollback`: the report of the host about the changes that it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Only for the command `os-update`: the updates that the host would install, and those that stay out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates: Option<Box<UpdatePlan>>,
    /// Only for the command `reboot`: the boots of the host, and why it has to be rebooted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reboot: Option<Box<RebootView>>,
    /// Only for the command `reboot --schedule`: when the host may be rebooted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Box<CalendarView>>,
    /// Only for the command `status`: the status of the host, or `None` if the host is not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Only for the commands `check`, `apply` and `rollback`: the results of the health checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<CheckResult>,
    /// Only for `nixfleet run`: the exit code and the output of the command that was run on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Ran>,
    /// Only for the command `gc`: the plan of the garbage collection, and the report of the garbage
    /// collection if it took place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc: Option<Box<GcView>>,
    /// Only for the command `backups`: the backups of the host that were listed, shown or dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<Box<BackupsView>>,
    /// Only for the command `bootstrap`: the planned steps, and how they ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Box<BootstrapView>>,
    /// Only for the command `forget`: what goes, what stays, and what to delete in the inventory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forget: Option<Box<ForgetView>>,
    /// Only for the commands `host adopt` and `bootstrap`: the key that the host offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<Box<OfferedKey>>,
    /// Only for the command `doctor`: the findings about the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The reason why the host is excluded, why an apply would exclude it, or why work on it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The problem that occurred on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The plan and the report of a garbage collection on a host.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GcView {
    /// The plan of the garbage collection.
    pub plan: GcPlan,
    /// The report of the garbage collection, if it took place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<GcReport>,
}

/// The backups of one host that `nixfleet backups` lists, shows or drops.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupsView {
    /// The backups that the command lists, shows or drops.
    pub list: Vec<Backup>,
    /// The backups that were selected to be dropped, but were kept because they are still needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<Backup>,
    /// Only for the command `backups show`: the content of the backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The filesystem that contains the backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// The report of the host about dropped backups, if backups were dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<DropReport>,
}

/// The reboot of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebootView {
    /// The reasons for which the host has to be rebooted; empty if it does not have to.
    pub reasons: Vec<RebootReason>,
    /// The kernel that ran before.
    pub kernel: String,
    /// The id of the boot before the reboot.
    pub boot_id: String,
    /// The id of the boot after the reboot, if the host has come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_boot_id: Option<String>,
    /// The beginning of the next window in which the host may be rebooted, if none is open now, in RFC 3339
    /// format with the time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_window: Option<String>,
}

/// When a host may be rebooted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarView {
    /// Whether `nixfleet due` reboots the host when that is needed.
    pub auto_reboot: bool,
    /// The windows in which the host may be rebooted; at any time if empty.
    pub windows: Vec<WeeklyWindow>,
    /// Whether the host may be rebooted now.
    pub is_open: bool,
    /// The time at which `isOpen` changes, in RFC 3339 format with the time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The plan and the report of a bootstrap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapView {
    /// The requirements and the steps of the plan.
    pub steps: Vec<PlannedStep>,
    /// How the steps ended that were begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub report: Vec<Reported>,
}

/// The plan and the report of the end of management of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForgetView {
    /// Whether everything declared stays or is removed first.
    pub mode: ForgetMode,
    /// What is removed in addition to everything declared.
    pub removed: Vec<String>,
    /// What stays on the host, and why.
    pub remnants: Vec<Remnant>,
    /// How the undo of the steps of bootstraps ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Reported>,
    /// What to delete on the operator's machine: lines of the inventory, and the host key.
    pub inventory: Vec<String>,
}

impl ForgetView {
    /// Creates an empty view.
    #[must_use]
    pub const fn new(mode: ForgetMode) -> Self {
        Self { mode, removed: Vec::new(), remnants: Vec::new(), steps: Vec::new(), inventory: Vec::new() }
    }
}

/// The result of a command that `nixfleet run` executed on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// The exit code of the command.
    pub exit_code: i32,
    /// The standard output of the command.
    pub stdout: String,
    /// The standard error of the command.
    pub stderr: String,
}

impl HostResult {
    /// Creates a result that has only an outcome.
    #[must_use]
    pub fn new(host: impl Into<String>, outcome: Outcome) -> Self {
        let host = host.into();
        Self {
            host,
            outcome,
            reason_code: None,
            plan: None,
            report: None,
            updates: None,
            reboot: None,
            calendar: None,
            status: None,
            health_checks: Vec::new(),
            run: None,
            gc: None,
            backups: None,
            bootstrap: None,
            forget: None,
            host_key: None,
            findings: Vec::new(),
            reason: None,
            problem: None,
        }
    }

    /// Creates the result of a host that sent a report. The results of its health checks are moved out of the
    /// report.
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

    /// Creates the result of a host on which work stopped because of a problem.
    pub fn failed(host: impl Into<String>, problem: Problem) -> Self {
        Self { outcome: outcome_of(&problem), problem: Some(problem), ..Self::new(host, Outcome::Failed) }
    }

    /// Creates the result of a host whose health checks ran. `good` is the outcome if all checks passed.
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

    /// Whether the inventory excludes the host. An exclusion is not a failure.
    #[must_use]
    pub fn is_excluded(&self) -> bool {
        self.outcome == Outcome::Skipped && self.reason.is_some()
    }

    /// Whether the host may have been changed, provided that work on it was started.
    #[must_use]
    pub fn may_have_changed(&self) -> bool {
        let failed_late = || match (&self.report, &self.problem) {
            (Some(report), _) => {
                let by_apt = report.apt.as_ref().is_some_and(AptReport::has_changed);
                report.steps_done > 0 || report.before != report.after || by_apt
            }
            // If the work failed before the host's turn, the result has no plan. If copying the closure
            // failed, nothing was changed.
            (None, Some(problem)) => self.plan.is_some() && problem.code != Code::Copy,
            (None, None) => true,
        };
        match self.outcome {
            Outcome::Ok | Outcome::Partial | Outcome::RolledBack => true,
            Outcome::Failed | Outcome::Unreachable => failed_late(),
            Outcome::Unchanged | Outcome::Deferred | Outcome::Blocked | Outcome::Skipped => false,
        }
    }

    /// Returns the event that reports the end of work on this host. `took` is the duration of the work.
    #[must_use]
    pub fn end(&self, took: Duration) -> HostEnd {
        let (report, plan) = (self.report.as_ref(), self.plan.as_ref());
        // Without a report, either nothing was done on the host, or what was done is unknown.
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

/// Returns the outcome of a host on which work stopped because of this problem.
#[must_use]
pub const fn outcome_of(problem: &Problem) -> Outcome {
    match problem.code {
        Code::Unreachable | Code::SshAuth | Code::HostKey => Outcome::Unreachable,
        Code::NoSudo
        | Code::NoNix
        | Code::Bootstrap
        | Code::Forget
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
            // A host that could not be reached or received no closure has no plan.
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
