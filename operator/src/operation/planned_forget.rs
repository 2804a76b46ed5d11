//! The planned end of management of one host.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::forget::{ForgetMode, ForgetPlan, Remnant};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::{PathStep, Step as PlanStep};

use super::planned_change::PlannedChange;
use super::verb::Planned;
use crate::bootstrap::{BootstrapRecords, Step, Undoing};
use crate::event::EventKind;
use crate::host_result::{ForgetView, HostResult};
use crate::nix::Closure;

/// The planned end of management of a host.
pub struct PlannedForget {
    /// The change after which nothing is declared.
    pub(super) change: Option<PlannedChange<Closure>>,
    /// The records of NixFleet; `None` if the host has none.
    pub(super) records: Option<ForgetPlan>,
    /// The directories that the change removes if they are empty.
    pub(super) directories: Vec<String>,
    /// The steps of bootstraps to undo.
    pub(super) steps: Vec<Step>,
    /// The id of the open change of a bootstrap.
    pub(super) unfinished: Option<String>,
    problem: Option<Problem>,
    pub(super) view: ForgetView,
}

/// The work of bootstraps on a host, and the part of it to undo.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    /// What the records of the bootstraps say.
    pub made: &'a BootstrapRecords,
    /// The part to undo.
    pub undoing: Undoing,
    /// The user with whom the command logs in.
    pub login: &'a str,
}

impl PlannedForget {
    /// Decides what goes and what stays. `inventory` are the lines to delete on this machine.
    pub(super) fn of(
        host: &Host,
        mode: ForgetMode,
        change: Option<PlannedChange<Closure>>,
        records: Option<ForgetPlan>,
        work: &Work<'_>,
        inventory: Vec<String>,
    ) -> Self {
        let Work { made, undoing, login } = *work;
        let refusal = records.as_ref().and_then(|plan| plan.problem.clone());
        let problem = refusal
            .or_else(|| change.as_ref().and_then(|change| change.plan.problems.first().cloned()))
            .or_else(|| made.refusal(&host.name, undoing, login));
        let (removed, remnants) = records
            .as_ref()
            .map_or_else(Default::default, |plan| (plan.removed.clone(), plan.remnants.clone()));
        let (directories, released) = change.as_ref().map(ends_of).unwrap_or_default();
        let view = ForgetView {
            removed: removed.into_iter().chain(made.removed(undoing)).collect(),
            remnants: remnants.into_iter().chain(released).chain(made.remnants(undoing)).collect(),
            inventory,
            ..ForgetView::new(mode)
        };
        let unfinished = made.unfinished.as_ref().map(|unfinished| unfinished.id.clone());
        let steps = made.undone(undoing);
        Self { change, records, directories, steps, unfinished, problem, view }
    }

    /// Returns the parts that stay and that the records do not name.
    pub(super) fn others(&self) -> impl Iterator<Item = Remnant> {
        let of_host = self.records.as_ref().map_or(0, |plan| plan.remnants.len());
        self.view.remnants.iter().skip(of_host).cloned()
    }
}

/// Returns the directories that a change removes if they are empty, and the paths that it leaves as they are.
fn ends_of(change: &PlannedChange<Closure>) -> (Vec<String>, Vec<Remnant>) {
    let (mut directories, mut released) = (Vec::new(), Vec::new());
    // The plan cannot be read only because of a bug. The change itself does not depend on it.
    for step in change.plan.read().map(|plan| plan.steps).unwrap_or_default() {
        match step {
            PlanStep::Path(PathStep::RemoveDirectory(step)) => directories.push(step.path.to_string()),
            PlanStep::Path(PathStep::Release(step)) => {
                released.push(Remnant { subject: step.path.to_string(), why: step.why });
            }
            _ => {}
        }
    }
    (directories, released)
}

impl Planned for PlannedForget {
    fn is_to_change(&self) -> bool {
        let has_records = self.records.as_ref().is_some_and(|plan| !plan.removed.is_empty());
        self.problem.is_none() && (self.change.is_some() || has_records || !self.steps.is_empty())
    }

    fn result(&self, host: &str) -> HostResult {
        let result = match &self.problem {
            Some(problem) => {
                HostResult { problem: Some(problem.clone()), ..HostResult::new(host, Outcome::Blocked) }
            }
            None if self.is_to_change() => HostResult::new(host, Outcome::Ok),
            None => HostResult {
                reason: Some("not managed".to_owned()),
                ..HostResult::new(host, Outcome::Unchanged)
            },
        };
        let plan = self.change.as_ref().map(|change| change.plan.clone());
        HostResult { plan, forget: Some(Box::new(self.view.clone())), ..result }
    }

    fn told(host: &str, planned: &Result<Self, Problem>) -> Option<EventKind> {
        let (change, problem) = match planned {
            Ok(planned) => (planned.change.as_ref(), planned.problem.as_ref()),
            Err(problem) => (None, Some(problem)),
        };
        Some(EventKind::HostPlanned {
            host: host.to_owned(),
            steps: change.map(|change| change.plan.steps),
            current: change.and_then(|change| change.plan.current.clone()),
            problem: problem.cloned(),
        })
    }
}
