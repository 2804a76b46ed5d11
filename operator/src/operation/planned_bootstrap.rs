//! The planned preparation of one host.

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;

use super::verb::Planned;
use crate::bootstrap::{BootstrapPlan, Step, StepState};
use crate::event::EventKind;
use crate::host_result::{BootstrapView, HostResult};

/// The planned preparation of a host.
pub struct PlannedBootstrap {
    pub(super) plan: BootstrapPlan,
}

impl PlannedBootstrap {
    /// Whether the plan contains this step as work to do.
    pub(super) fn has(&self, step: Step) -> bool {
        self.plan.steps.iter().any(|planned| planned.step == step && planned.state == StepState::ToDo)
    }
}

impl Planned for PlannedBootstrap {
    fn is_to_change(&self) -> bool {
        self.plan.is_to_change()
    }

    fn result(&self, host: &str) -> HostResult {
        let view = BootstrapView { steps: self.plan.steps.clone(), report: Vec::new() };
        let bootstrap = Some(Box::new(view));
        match self.plan.refusal(host) {
            Some(problem) => HostResult { bootstrap, ..HostResult::failed(host, problem) },
            None if self.is_to_change() => HostResult { bootstrap, ..HostResult::new(host, Outcome::Ok) },
            None => HostResult { bootstrap, ..HostResult::new(host, Outcome::Unchanged) },
        }
    }

    fn told(host: &str, planned: &Result<Self, Problem>) -> Option<EventKind> {
        let (steps, problem) = match planned {
            Ok(planned) => (Some(planned.plan.lines(None).len()), planned.plan.refusal(host)),
            Err(problem) => (None, Some(problem.clone())),
        };
        Some(EventKind::HostPlanned { host: host.to_owned(), steps, current: None, problem })
    }
}
