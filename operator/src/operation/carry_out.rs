//! What is done to the hosts of a rollout.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::force::Force;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;

use super::host_plan::{HostPlan, Operation, PlannedOperation};
use super::post_change_checks;
use super::window::Window;
use crate::errands::Errands;
use crate::event::{Bus, EventKind, Phase};
use crate::host_result::HostResult;
use crate::nix::ClosurePaths;
use crate::remote::{self, Terms};
use crate::remote::{Destination, PlanOptions};
use crate::rollout::Work;
use crate::ssh::Session;

/// What a change made of a host: the generation before, if there was one, and the one that it made.
pub type Changed = (Option<Generation>, Generation);

/// The plans of the hosts, in the order of the waves, and how they are carried out.
pub struct CarryOut {
    /// The hosts.
    pub plans: Vec<HostPlan>,
    /// Whether each host has to be reached over a new connection.
    pub window: Window,
    /// The revision of the flake, for the hosts to remember.
    pub revision: Option<String>,
    /// In spite of which objections.
    pub force: Vec<Force>,
    /// What is copied to them.
    pub closure_paths: ClosurePaths,
    /// Whether they fetch from their own binary caches what those have.
    pub substitute: bool,
    /// Where it is told what is done.
    pub events: Bus,
    /// What the fleet has this machine do, as it was shown. A host says which generation it goes back to, and
    /// with it which health checks are tried from here then.
    pub known: Errands,
    /// What became of hosts that were changed, by name.
    pub changed: Mutex<BTreeMap<String, Changed>>,
}

impl Work for CarryOut {
    async fn copy(&self, host: usize) -> Result<(), Problem> {
        let plan = &self.plans[host];
        match plan.operation() {
            Some(Operation::Apply { closure }) => {
                let paths = self.closure_paths.closure(&closure.path).await?;
                remote::send(&plan.session, paths, self.substitute).await
            }
            Some(Operation::Rollback { .. }) | None => Ok(()),
        }
    }

    async fn change(&self, host: usize) -> HostResult {
        let plan = &self.plans[host];
        let Some(Ok(planned)) = &plan.planned else { return plan.result() };
        let result = result(plan, planned, self.carry_out(&plan.session, planned).await);
        if let Some(made) = result.end(Duration::ZERO).made() {
            self.changed().insert(plan.name().to_owned(), made);
        }
        result
    }

    async fn go_back(&self, host: usize) -> HostResult {
        let plan = &self.plans[host];
        if let Some(Ok(planned @ PlannedOperation { operation: Operation::Rollback { .. }, .. })) =
            &plan.planned
        {
            return result(plan, planned, self.carry_out(&plan.session, planned).await);
        }
        let Some((before, made)) = self.changed().get(plan.name()).cloned() else { return plan.result() };
        let mut planned = match plan_back(&plan.session, before.as_ref(), &made, &self.force).await {
            Ok(planned) => planned,
            Err(problem) => return HostResult::failed(plan.name(), problem),
        };
        planned.try_only(plan.name(), &self.known);
        let gone = if planned.plan.is_to_change() {
            result(plan, &planned, self.carry_out(&plan.session, &planned).await)
        } else {
            HostPlan { session: Arc::clone(&plan.session), planned: Some(Ok(planned)) }.result()
        };
        match gone.outcome {
            Outcome::Ok | Outcome::Partial | Outcome::Unchanged => HostResult {
                outcome: Outcome::RolledBack,
                reason_code: None,
                reason: Some("rolled back with others".to_owned()),
                ..gone
            },
            // It went back from going back: it stands where the rollout put it.
            Outcome::RolledBack => HostResult { outcome: Outcome::Failed, ..gone },
            _ => gone,
        }
    }
}

impl CarryOut {
    fn changed(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Changed>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry_out(&self, session: &Session, planned: &PlannedOperation) -> Result<Report, Problem> {
        let (host, fingerprint) = (session.host(), planned.plan.fingerprint.as_str());
        let phase = |phase: Phase| self.events.say(EventKind::HostPhase { host: host.name.clone(), phase });
        let (confirm, substitute) = (self.window.seconds(host), self.substitute);
        let terms = Terms {
            confirm,
            revision: self.revision.as_deref(),
            force: &self.force,
            substitute,
            checks: planned.checks.as_deref(),
            phase: &phase,
        };
        let report = match &planned.operation {
            Operation::Apply { closure } => {
                phase(Phase::Copying);
                let paths = self.closure_paths.closure(&closure.path).await?;
                let (events, host) = (self.events.clone(), host.name.clone());
                let arrived = move || events.say(EventKind::HostPhase { host, phase: Phase::Activating });
                remote::apply(session, closure, paths, fingerprint, terms, arrived).await?
            }
            Operation::Rollback { to, activator } => {
                phase(Phase::RollingBack);
                let plan = (fingerprint, planned.plan.target.as_str());
                remote::rollback(session, *to, activator, plan, terms).await?
            }
        };
        Ok(post_change_checks::attempt(session, planned, terms, report).await)
    }
}

/// What became of a host whose plan was carried out.
fn result(host: &HostPlan, planned: &PlannedOperation, report: Result<Report, Problem>) -> HostResult {
    let plan = Some(planned.plan.clone());
    match report {
        Ok(report) => HostResult { plan, ..HostResult::reported(host.name(), report) },
        Err(problem) => HostResult { plan, ..HostResult::failed(host.name(), problem) },
    }
}

/// Asks what going back behind a change would change, where the host still stands as that change left it:
/// nothing where it has gone back already.
///
/// # Errors
/// It stands elsewhere, there was nothing before, or the host refuses.
pub async fn plan_back(
    session: &Session,
    before: Option<&Generation>,
    made: &Generation,
    force: &[Force],
) -> Result<PlannedOperation, Problem> {
    let name = &session.host().name;
    let Some(before) = before else {
        return Err(Problem::new(Code::NoGeneration, "there is nothing to go back to")
            .at(name)
            .because("the host was not managed before the rollout"));
    };
    let to = Destination::Number(before.number);
    let (mut plan, activator) = remote::plan_rollback(session, to, PlanOptions::default()).await?;
    plan.overrule(force);
    if plan.current.as_ref() == Some(before) {
        // By hand, or for a command that was killed. What is not as that left it is not what is asked about.
        plan.steps.clear();
        return PlannedOperation::back(plan, to, activator);
    }
    let stands = |generation: Option<&Generation>| {
        generation.map_or_else(|| "none".to_owned(), |generation| generation.number.to_string())
    };
    if plan.current.as_ref() != Some(made) || plan.target != before.closure {
        let now = stands(plan.current.as_ref());
        return Err(Problem::new(Code::PlanOutdated, "the host no longer stands where the rollout put it")
            .at(name)
            .because(format!("it is at generation {now}, the rollout made {}", made.number))
            .help(format!("look at it: nixfleet status --host {name}")));
    }
    PlannedOperation::back(plan, to, activator)
}
