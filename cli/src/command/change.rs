//! Carries out plans: asks first, then changes several hosts at once. The end of `apply` and of `rollback`.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use nixfleet_activate::force::Force;
use nixfleet_activate::policy::Policy;
use nixfleet_activate::problem::Problem;
use nixfleet_activate::report::{Outcome, Report};

use super::host_plan::{HostPlan, Planned, Way};
use super::{Context, confirm, milliseconds, plan};
use crate::args::WindowArgs;
use crate::document::HostResult;
use crate::event::{Bus, Happening, Phase};
use crate::exit::Exit;
use crate::nix::Stock;
use crate::orchestrate::each;
use crate::remote::{self, Terms};
use crate::render;
use crate::rollout::RolloutId;
use crate::ssh::Session;

/// How plans are carried out.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    /// Without asking first.
    pub yes: bool,
    /// On how many hosts at once.
    pub parallel: NonZeroUsize,
    /// Whether each host has to be reached over a new connection.
    pub window: WindowArgs,
    /// In spite of which objections.
    pub force: &'a [Force],
    /// Whether hosts fetch from their own binary caches what those have.
    pub substitute: bool,
}

/// Shows the plans, asks unless told not to, carries them out, and says what became of each host.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its result.
pub async fn execute(
    plans: Vec<HostPlan>,
    question: &str,
    manner: Manner<'_>,
    context: &Context,
) -> anyhow::Result<Exit> {
    plan::show(&plans, context);
    let count = plans.iter().filter(|plan| plan.is_to_change()).count();
    if count > 0 && !manner.yes {
        plan::show_without(&plans, context);
        let hosts = if count == 1 { "host" } else { "hosts" };
        if !confirm::ask(format!("{question} {count} {hosts}?")).await? {
            render::err("nothing was changed");
            return Ok(Exit::Refused);
        }
    }
    context.interrupt.hosts_are_changing();
    let events = context.events.of(RolloutId::draw());
    let began = Instant::now();
    events.say(Happening::RolloutBegan {
        command: context.name.to_owned(),
        operator: remote::operator(),
        flake: None,
        resumed: false,
        policy: Policy { max_parallel: manner.parallel, ..Policy::plain() },
        waves: vec![plans.iter().map(|plan| plan.name().to_owned()).collect()],
        left_out: Vec::new(),
    });
    let results = carry_out(plans, manner, &events, context).await?;
    let complete = results.iter().all(|result| result.outcome.is_good());
    events.say(Happening::RolloutEnded { complete, duration_ms: milliseconds(began) });
    context.show(&render::results(&results));
    context.finish(results)
}

async fn carry_out(
    plans: Vec<HostPlan>,
    manner: Manner<'_>,
    events: &Bus,
    context: &Context,
) -> anyhow::Result<Vec<HostResult>> {
    let settled: Vec<HostResult> = plans.iter().map(HostPlan::result).collect();
    let stock = Arc::new(Stock::of(plans.iter().filter_map(HostPlan::closure_to_copy)));
    let changed = each(plans, manner.parallel, &context.interrupt, |plan| {
        let (stock, events) = (Arc::clone(&stock), events.clone());
        let (force, substitute) = (manner.force.to_vec(), manner.substitute);
        async move {
            let began = Instant::now();
            let terms =
                Terms { confirm: manner.window.seconds(plan.session.host()), force: &force, substitute };
            let result = one(&plan, &stock, terms, &events).await?;
            events.say(Happening::HostEnded(result.end(began)));
            Some(result)
        }
    });
    let changed = changed.await?;
    Ok(settled
        .into_iter()
        .zip(changed)
        .map(|(settled, changed)| match changed {
            Some(Some(result)) => result,
            // Not begun, because the user interrupted.
            None if settled.outcome == Outcome::Ok => HostResult { outcome: Outcome::Skipped, ..settled },
            Some(None) | None => settled,
        })
        .collect())
}

/// Changes a host, if there is something to change.
async fn one(host: &HostPlan, stock: &Stock, terms: Terms<'_>, events: &Bus) -> Option<HostResult> {
    let Some(Ok(planned)) = host.planned.as_ref().filter(|_| host.is_to_change()) else { return None };
    let plan = Some(planned.plan.clone());
    Some(match change(&host.session, planned, stock, terms, events).await {
        Ok(report) => HostResult {
            plan,
            problem: report.problem.clone(),
            outcome: report.outcome,
            report: Some(report),
            ..HostResult::new(host.name(), Outcome::Failed)
        },
        Err(problem) => HostResult { plan, ..HostResult::failed(host.name(), problem) },
    })
}

async fn change(
    session: &Session,
    planned: &Planned,
    stock: &Stock,
    terms: Terms<'_>,
    events: &Bus,
) -> Result<Report, Problem> {
    let (name, fingerprint) = (&session.host().name, planned.plan.fingerprint.as_str());
    let phase = |phase| events.say(Happening::HostPhase { host: name.clone(), phase });
    match &planned.way {
        Way::Apply { closure } => {
            phase(Phase::Copying);
            let paths = stock.closure(&closure.path).await?;
            let (events, host) = (events.clone(), name.clone());
            let arrived = move || events.say(Happening::HostPhase { host, phase: Phase::Activating });
            remote::apply(session, closure, paths, fingerprint, terms, arrived).await
        }
        Way::Rollback { to, activator } => {
            phase(Phase::RollingBack);
            remote::rollback(session, *to, activator, fingerprint, terms).await
        }
    }
}
