//! Builds the closures of the selected hosts and asks each host what would change, as soon as its closure is
//! there. `plan` ends here, `apply` goes on.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::force::Force;
use nixfleet_contract::health::Check;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};

use super::context::Context;
use super::host_plan::{HostPlan, Operation, PlannedOperation};
use crate::contents;
use crate::errands::Errands;
use crate::event::{EventKind, Level, Phase, Stage};
use crate::health;
use crate::host_result::HostResult;
use crate::nix::{Closure, ClosureReceiver, ClosureSender, Nix, closures_channel};
use crate::orchestrate::each;
use crate::plan_text::PlanText;
use crate::remote::PlanOptions;
use crate::remote::{self, Activators, HostTarget, PlanTerms};
use crate::ssh::Session;

/// How many rounds of hosts are connected while the build runs.
const WARM: usize = 4;

/// Closures by host, and the plans of all hosts.
pub type Prepared = (BTreeMap<String, Closure>, Vec<HostPlan>);

/// Why there is nothing to go on with.
enum Stop {
    /// The fleet cannot be built, or a bug.
    Whole(anyhow::Error),
    /// Closures of hosts cannot be built: what each host has to do with that.
    Hosts(Vec<HostResult>),
}

/// Builds, while the connections are being opened and hosts whose closures are there are asked.
///
/// # Errors
/// The evaluation fails, or a build that belongs to no host. Failed builds of hosts are in the inner error:
/// then no host has more than looked at itself, and no further one is asked.
pub async fn prepare(
    nix: &Nix,
    sessions: Vec<Arc<Session>>,
    asking: Asking<'_>,
    context: &Context,
) -> anyhow::Result<Result<Prepared, Vec<HostResult>>> {
    let (sender, receiver) = closures_channel();
    let building = build(nix, &sessions, sender, asking.parallel, context);
    let asked = async { ask(sessions.clone(), receiver, asking, context).await.map_err(Stop::Whole) };
    match tokio::try_join!(building, asked) {
        Ok(prepared) => Ok(Ok(prepared)),
        Err(Stop::Hosts(results)) => Ok(Err(results)),
        Err(Stop::Whole(error)) => Err(error),
    }
}

/// Builds, while the connections are being opened.
async fn build(
    nix: &Nix,
    sessions: &[Arc<Session>],
    sender: ClosureSender,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<BTreeMap<String, Closure>, Stop> {
    if sessions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let hosts: Vec<_> = sessions.iter().map(|session| session.host().clone()).collect();
    // What is wrong with a connection is told when the host is asked for its plan. Of a large fleet only
    // those are connected early that are asked soon.
    let soon = parallel.get().saturating_mul(WARM);
    let connecting = tokio::spawn({
        let (sessions, interrupt) =
            (sessions.iter().take(soon).cloned().collect(), context.interrupt.clone());
        async move {
            let connect = |session: Arc<Session>| async move { session.connect().await.is_ok() };
            each(sessions, parallel, &interrupt, connect).await
        }
    });
    let built = context.stage(Stage::Build, nix.build(&hosts, &sender)).await;
    let built = built.inspect_err(|_| connecting.abort()).map_err(|problem| Stop::Whole(problem.into()))?;
    if built.failed.is_empty() {
        return Ok(built.closures);
    }
    connecting.abort();
    let result = |host: &Host| match built.failed.get(&host.name) {
        Some(problem) => HostResult::failed(&host.name, problem.clone()),
        None => HostResult::new(&host.name, Outcome::Skipped),
    };
    Err(Stop::Hosts(hosts.iter().map(result).collect()))
}

/// How hosts are asked.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// In spite of which objections.
    pub force: &'a [Force],
    /// What they look at, and show.
    pub options: PlanOptions,
    /// How many at once.
    pub parallel: NonZeroUsize,
    /// Whether those on which nothing is to change try their health checks.
    pub trying: Option<Trying<'a>>,
}

/// Which health checks are tried from here before anybody was asked.
#[derive(Clone, Copy)]
pub enum Trying<'a> {
    /// All: nobody will be asked.
    All,
    /// Those of which it was shown before that hosts of this flake have this machine try them.
    Known(&'a str),
}

impl<'a> Trying<'a> {
    /// `yes`: nobody will be asked.
    #[must_use]
    pub const fn of(yes: bool, flake: &'a str) -> Self {
        if yes { Self::All } else { Self::Known(flake) }
    }

    /// The errands among which they have to be; nothing where all are tried.
    fn known(self) -> Option<Errands> {
        match self {
            Self::All => None,
            Self::Known(flake) => Some(Errands::shown_here(flake)),
        }
    }
}

/// Asks every host for its plan, as soon as its closure is there.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its plan.
pub async fn ask(
    sessions: Vec<Arc<Session>>,
    receiver: ClosureReceiver,
    asking: Asking<'_>,
    context: &Context,
) -> anyhow::Result<Vec<HostPlan>> {
    let activators = Arc::new(Activators::default());
    let known = Arc::new(asking.trying.and_then(Trying::known));
    let planned = each(sessions.clone(), asking.parallel, &context.interrupt, |session| {
        let (activators, known, events) =
            (Arc::clone(&activators), Arc::clone(&known), context.events.clone());
        let (force, options) = (asking.force.to_vec(), asking.options);
        let is_tried = asking.trying.is_some();
        let mut receiver = receiver.clone();
        async move {
            let name = &session.host().name;
            let Some(closure) = receiver.closure(name).await else { return Err(not_built(name)) };
            events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Planning });
            let from_here = |checks: Vec<Check>| {
                let (tried, left): (Vec<_>, Vec<_>) =
                    checks.into_iter().partition(|check| known.iter().all(|known| known.have(name, check)));
                if !left.is_empty() {
                    events.say(not_tried(name, &left));
                }
                if !tried.is_empty() {
                    events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Checking });
                }
                tried
            };
            let trying = is_tried.then_some(from_here);
            let planned = one(&session, closure, (&force, options), &activators, trying).await;
            events.say(said(name, &planned));
            planned
        }
    });
    let planned = planned.await?;
    Ok(sessions.into_iter().zip(planned).map(|(session, planned)| HostPlan { session, planned }).collect())
}

/// That health checks are not tried which a fleet has this machine try for the first time.
fn not_tried(host: &str, checks: &[Check]) -> EventKind {
    let names = checks.iter().map(|check| &*check.name).collect::<Vec<_>>().join(", ");
    let text = format!(
        "health checks from here that are new on this machine were not tried: {names}; `nixfleet plan --host {host}` shows what \
         they do, `nixfleet apply --yes --host {host}` tries them"
    );
    EventKind::Log { level: Level::Warning, host: Some(host.to_owned()), text }
}

fn not_built(host: &str) -> Problem {
    Problem::new(Code::Build, "its closure is not there").at(host).because("a build failed before it")
}

/// What is told of a host that was asked for its plan.
#[must_use]
pub fn said(host: &str, planned: &Result<PlannedOperation, Problem>) -> EventKind {
    let host = host.to_owned();
    match planned {
        Ok(PlannedOperation { plan, .. }) => EventKind::HostPlanned {
            host,
            steps: Some(plan.steps),
            current: plan.current.clone(),
            problem: plan.problems.first().cloned(),
        },
        Err(problem) => {
            EventKind::HostPlanned { host, steps: None, current: None, problem: Some(problem.clone()) }
        }
    }
}

/// What is kept of a plan.
///
/// # Errors
/// Only a bug.
pub fn text_of(plan: Plan) -> Result<PlanText, Problem> {
    let host = plan.host.clone();
    PlanText::of(plan)
        .map_err(|error| Problem::new(Code::BadAnswer, "the plan cannot be kept").at(host).because(error))
}

/// `from_here`: those of the health checks that are tried from here, if those of a host without changes are
/// tried.
async fn one(
    session: &Session,
    closure: Closure,
    (force, options): (&[Force], PlanOptions),
    activators: &Activators,
    from_here: Option<impl Fn(Vec<Check>) -> Vec<Check>>,
) -> Result<PlannedOperation, Problem> {
    let target = HostTarget::read(closure)?;
    let (checks, there) = health::of_manifest(&target.manifest)?;
    let trying = from_here.is_some().then_some(there);
    let mut plan = remote::plan(session, &target, PlanTerms { force, options, trying }, activators).await?;
    let mut found = plan.health_checks.take();
    if let (Some(found), Some(from_here)) = (&mut found, from_here) {
        found.extend(health::attempt(session, &from_here(checks.clone())).await);
    }
    // A plan that changes nothing tries none of them behind it.
    if !plan.steps.is_empty() && !force.contains(&Force::HealthChecks) {
        plan.problems.extend(health::obstacles(session, &checks).await);
    }
    contents::fill_in(&mut plan, &target, options.show_private);
    Ok(PlannedOperation {
        plan: text_of(plan)?,
        operation: Operation::Apply { closure: target.closure },
        checks: Some(checks),
        found: found.unwrap_or_default(),
    })
}
