//! A host and its plan: what `plan` shows, and `apply` and `rollback` carry out.

use std::sync::Arc;

use nixfleet_contract::health::{Check, CheckResult};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;

use super::planning::text_of;
use crate::errands::Errands;
use crate::health;
use crate::host_result::HostResult;
use crate::nix::Closure;
use crate::plan_text::PlanText;
use crate::remote::Destination;
use crate::ssh::Session;

/// A host, and what would change on it.
pub struct HostPlan {
    /// How to talk to it.
    pub session: Arc<Session>,
    /// What would change; nothing where the user interrupted before the host was asked.
    pub planned: Option<Result<PlannedOperation, Problem>>,
}

/// A plan, and how it is carried out.
pub struct PlannedOperation {
    /// What would change.
    pub plan: PlanText,
    /// How.
    pub operation: Operation,
    /// The health checks that are tried from here; nothing where they are not known.
    pub checks: Option<Vec<Check>>,
    /// What health checks found where nothing is to change.
    pub found: Vec<CheckResult>,
}

impl PlannedOperation {
    /// The plan of going back to a generation.
    ///
    /// # Errors
    /// Only a bug.
    pub fn back(plan: Plan, to: Destination, activator: String) -> Result<Self, Problem> {
        let checks = health::of_closure(&plan.target);
        Ok(Self {
            plan: text_of(plan)?,
            operation: Operation::Rollback { to, activator },
            checks,
            found: Vec::new(),
        })
    }
}

impl PlannedOperation {
    /// Leaves out the health checks from here of which nobody has been told.
    pub fn try_only(&mut self, host: &str, known: &Errands) {
        if let Some(checks) = &mut self.checks {
            checks.retain(|check| known.have(host, check));
        }
    }
}

/// How a plan is carried out.
pub enum Operation {
    /// By copying a closure and activating it.
    Apply {
        /// The closure, in the store of this machine.
        closure: Closure,
    },
    /// By going back to a generation that is on the host.
    Rollback {
        /// Which.
        to: Destination,
        /// The activator on the host that has planned it.
        activator: String,
    },
}

impl HostPlan {
    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.session.host().name
    }

    /// The plan, where there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanText> {
        self.planned.as_ref()?.as_ref().ok().map(|planned| &planned.plan)
    }

    /// How it is carried out, where there is a plan.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.planned.as_ref()?.as_ref().ok().map(|planned| &planned.operation)
    }

    /// How the host stands if it goes no further than this.
    #[must_use]
    pub fn result(&self) -> HostResult {
        let mut result = match &self.planned {
            None => HostResult::new(self.name(), Outcome::Skipped),
            Some(Err(problem)) => HostResult::failed(self.name(), problem.clone()),
            Some(Ok(PlannedOperation { plan, found, .. })) => match plan.problems.first() {
                Some(problem) => HostResult {
                    problem: Some(problem.clone()),
                    ..HostResult::new(self.name(), Outcome::Blocked)
                },
                None if plan.steps == 0 => {
                    HostResult::checked(self.name(), found.clone(), Outcome::Unchanged)
                }
                None => HostResult::new(self.name(), Outcome::Ok),
            },
        };
        result.plan = self.plan().cloned();
        result
    }

    /// Whether carrying it out would do something.
    pub fn is_to_change(&self) -> bool {
        self.plan().is_some_and(PlanText::is_to_change)
    }

    /// The closure that carrying it out copies to the host, if it does.
    #[must_use]
    pub fn closure_to_copy(&self) -> Option<String> {
        match self.planned.as_ref()?.as_ref().ok()? {
            PlannedOperation { operation: Operation::Apply { closure }, .. } if self.is_to_change() => {
                Some(closure.path.clone())
            }
            _ => None,
        }
    }
}
