//! The change that an apply or a rollback would make on a host.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::{Check, CheckResult};
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::status::ToFinish;

use super::recovery;
use super::verb::Planned;
use crate::errands::Errands;
use crate::event::EventKind;
use crate::host_result::HostResult;
use crate::plan_text::PlanText;

/// The planned change of a host from its current state to the target `T`.
pub struct PlannedChange<T> {
    /// The plan that the host made.
    pub plan: PlanText,
    /// The closure or generation that the host would have after the change.
    pub target: T,
    /// The health checks to try from the operator's machine, or `None` if the health checks are not known.
    pub checks: Option<Vec<Check>>,
    /// The results of the health checks that were tried during planning. Planning tries health checks only if
    /// the host has no changes.
    pub found: Vec<CheckResult>,
    /// How the host recovered from an interrupted run before it made the plan.
    pub recovered: Option<String>,
}

impl<T> PlannedChange<T> {
    /// Creates a planned change from the plan that a host made.
    ///
    /// # Errors
    /// Fails only because of a bug.
    pub fn of(plan: Plan, target: T, checks: Option<Vec<Check>>) -> Result<Self, Problem> {
        let host = plan.host.clone();
        let plan = PlanText::of(plan).map_err(|error| {
            Problem::new(Code::BadAnswer, "the plan cannot be encoded as JSON").at(host).because(error)
        })?;
        Ok(Self { plan, target, checks, found: Vec::new(), recovered: None })
    }

    /// Returns the interrupted run from which the host must recover before it is changed, if any.
    #[must_use]
    pub fn interrupted(&self) -> Option<&str> {
        recovery::interrupted(self.plan.interrupted.as_deref(), &self.plan.problems)
    }

    /// Removes each health check on the operator's machine that is not in `known`, because the user has not
    /// been shown that health check.
    pub fn try_only(&mut self, host: &str, known: &Errands) {
        if let Some(checks) = &mut self.checks {
            checks.retain(|check| known.have(host, check));
        }
    }
}

/// Returns the result of a host that needs no change. If the host still has to be restarted, its outcome is
/// `deferred` instead of `unchanged`.
fn waiting(result: HostResult, awaits_boot: &[String]) -> HostResult {
    if awaits_boot.is_empty() || !matches!(result.outcome, Outcome::Unchanged | Outcome::Ok) {
        return result;
    }
    HostResult {
        outcome: Outcome::Deferred,
        reason_code: Some(ReasonCode::RebootToFinish),
        reason: Some(match result.reason {
            Some(recovered) => format!("{recovered}; {}", finish(awaits_boot)),
            None => finish(awaits_boot),
        }),
        ..result
    }
}

fn finish(awaits_boot: &[String]) -> String {
    ToFinish::Restart(awaits_boot.to_vec()).to_string()
}

impl<T: Send + Sync + 'static> Planned for PlannedChange<T> {
    fn is_to_change(&self) -> bool {
        self.plan.is_to_change()
    }

    fn downloads(&self) -> bool {
        self.plan.download_size > 0
    }

    fn result(&self, host: &str) -> HostResult {
        let result = match self.plan.problems.first() {
            Some(problem) => {
                HostResult { problem: Some(problem.clone()), ..HostResult::new(host, Outcome::Blocked) }
            }
            None if self.plan.is_to_change() => HostResult::new(host, Outcome::Ok),
            None => {
                let good = if self.recovered.is_some() { Outcome::Ok } else { Outcome::Unchanged };
                let result = HostResult::checked(host, self.found.clone(), good);
                let result = HostResult { reason: self.recovered.clone(), ..result };
                waiting(result, &self.plan.awaits_boot)
            }
        };
        HostResult { plan: Some(self.plan.clone()), ..result }
    }

    fn current(&self) -> Option<&Generation> {
        self.plan.current.as_ref()
    }

    fn checks(&self) -> Option<&[Check]> {
        self.checks.as_deref()
    }

    fn told(host: &str, planned: &Result<Self, Problem>) -> Option<EventKind> {
        let (plan, problem) = match planned {
            Ok(planned) => (Some(&planned.plan), planned.plan.problems.first()),
            Err(problem) => (None, Some(problem)),
        };
        Some(EventKind::HostPlanned {
            host: host.to_owned(),
            steps: plan.map(|plan| plan.steps),
            current: plan.and_then(|plan| plan.current.clone()),
            problem: problem.cloned(),
        })
    }
}
