//! Carries plans out as a rollout: asks first, then changes the hosts wave by wave. The end of `apply` and of `rollback`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Context as _;
use nixfleet_activate::force::Force;
use nixfleet_activate::report::Outcome;

use super::carry_out::{CarryOut, Changed};
use super::host_plan::{HostPlan, Way};
use super::{Context, confirm, milliseconds, plan};
use crate::args::WindowArgs;
use crate::document::{HostResult, RolloutView};
use crate::event::{End, Happening, HostEnd, LeftOut};
use crate::exit::Exit;
use crate::nix::{Closure, Keeping, Stock};
use crate::notify::Notifier;
use crate::render;
use crate::rollout::{
    Driver, Head, Hosts, Origin, Outline, Pause, Planned, Record, RolloutId, State, Verdict,
};
use crate::state::StateDir;

/// How plans are carried out.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    /// Without asking first.
    pub yes: bool,
    /// Whether each host has to be reached over a new connection.
    pub window: WindowArgs,
    /// In spite of which objections.
    pub force: &'a [Force],
    /// Whether hosts fetch from their own binary caches what those have.
    pub substitute: bool,
}

/// A rollout that has been planned.
pub struct Rollout {
    /// Its name.
    pub id: RolloutId,
    /// The question before it.
    pub question: &'static str,
    /// Where it comes from.
    pub origin: Origin,
    /// What it goes by.
    pub outline: Outline,
    /// The plans of all its hosts, in any order.
    pub plans: Vec<HostPlan>,
    /// Selected hosts that do not take part.
    pub left_out: Vec<LeftOut>,
    /// What it remembers.
    pub memory: Memory,
}

/// What is remembered of a rollout.
pub enum Memory {
    /// Nothing: it is not to be resumed.
    Nothing,
    /// It is to be resumed with these closures, if it must be.
    New {
        /// The closures by host.
        closures: BTreeMap<String, Closure>,
    },
    /// It goes on.
    Old {
        /// What it has written so far.
        record: Record,
        /// How hosts ended that are done.
        done: BTreeMap<String, HostEnd>,
        /// What it has made of hosts.
        changed: BTreeMap<String, Changed>,
        /// How hosts ended of which nothing was written down.
        found: Vec<HostEnd>,
    },
}

/// Shows the plans, asks unless told not to, carries them out, and says what became of each host.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its result.
pub async fn execute(rollout: Rollout, manner: Manner<'_>, context: &Context) -> anyhow::Result<Exit> {
    plan::show(&rollout.plans, context)?;
    let count = rollout.plans.iter().filter(|plan| plan.is_to_change()).count();
    if count > 0 {
        plan::show_waves(&rollout.outline, &rollout.plans, &rollout.left_out, context);
    }
    if count > 0 && !manner.yes {
        plan::show_without(&rollout.plans, context);
        let hosts = if count == 1 { "host" } else { "hosts" };
        if !confirm::ask(format!("{} {count} {hosts}?", rollout.question)).await? {
            render::err("nothing was changed");
            return Ok(Exit::Refused);
        }
    }
    if count == 0 && !matches!(rollout.memory, Memory::Old { .. }) {
        let results = plan::results(&rollout.plans, &rollout.left_out);
        let exit = Exit::of(&results, context.interrupt.is_wanted());
        return context.refuse(results, exit);
    }
    context.interrupt.hosts_are_changing();
    let (results, view, lasts) = carry_out(rollout, manner, context).await?;
    context.show(&render::results(&results));
    if let (true, Some(id), Some(end)) = (lasts, &view.id, view.end) {
        context.show(&render::what_next(id, end, view.reason.as_deref()));
    }
    context.finish(results, Some(view))
}

/// Carries it out. Returns what became of every host, of the whole, and whether it is remembered.
async fn carry_out(
    rollout: Rollout,
    manner: Manner<'_>,
    context: &Context,
) -> anyhow::Result<(Vec<HostResult>, RolloutView, bool)> {
    let Rollout { id, origin, outline, plans, left_out, memory, .. } = rollout;
    let mut settled = plan::results(&plans, &left_out);
    let events = context.events.of(id.clone());
    let began = Instant::now();
    let told = Happening::RolloutBegan {
        command: context.name.to_owned(),
        operator: crate::remote::operator(),
        flake: Some(origin.flake.clone()),
        revision: origin.revision.clone(),
        resumed: matches!(memory, Memory::Old { .. }),
        policy: outline.policy.clone(),
        waves: outline.waves.clone(),
        left_out: left_out.clone(),
    };
    if !origin.notifications.is_empty() {
        context.events.subscribe(Notifier::new(id.clone(), &origin.notifications, &events));
    }
    let remembered = memory.begin(&id, origin, &outline, &plans, context);
    let by_name: BTreeMap<&str, &HostPlan> = plans.iter().map(|plan| (plan.name(), plan)).collect();
    let mut hosts =
        Hosts::new(&outline, |name| stands(by_name.get(name).copied(), remembered.done.get(name)));
    for (host, (_, name)) in outline.hosts().enumerate() {
        if remembered.changed.contains_key(name) {
            hosts.stands_changed(host);
        }
    }
    let back = plans.iter().any(|plan| matches!(plan.way(), Some(Way::Rollback { .. })));
    events.say(told);
    let keeping = remembered
        .roots
        .map(|roots| Keeping::begin(roots, plans.iter().filter_map(HostPlan::closure_to_copy).collect()));
    for end in remembered.found {
        events.say(Happening::HostEnded(end));
    }
    let known =
        |result: &&HostResult| result.outcome != Outcome::Ok && !remembered.done.contains_key(&result.host);
    for result in settled.iter().filter(known) {
        events.say(Happening::HostEnded(result.end(std::time::Duration::ZERO)));
    }
    let work = CarryOut {
        stock: Stock::of(plans.iter().filter_map(HostPlan::closure_to_copy)),
        substitute: manner.substitute,
        plans: in_order(plans, &outline)?,
        window: manner.window,
        force: manner.force.to_vec(),
        events: events.clone(),
        changed: Mutex::new(remembered.changed),
    };
    let driver = Driver::new(&outline, hosts, back, work, &events);
    let (verdict, mut ended) = driver.drive(&context.interrupt).await?;
    let (end, reason) = end_of(&verdict);
    if let Some(keeping) = keeping
        && let Err(problem) = keeping.end(end.is_final()).await
    {
        context.warn(None, &problem.to_string());
    }
    for result in &mut settled {
        if let Some(ended) = ended.remove(&result.host) {
            *result = ended;
        } else if let Some(done) = remembered.done.get(&result.host) {
            result.outcome = done.outcome;
        } else if result.outcome == Outcome::Ok {
            result.outcome = Outcome::Deferred;
            result.reason = Some("its turn did not come".to_owned());
            events.say(Happening::HostEnded(result.end(std::time::Duration::ZERO)));
        }
    }
    events.say(Happening::RolloutEnded { end, duration_ms: milliseconds(began) });
    let view =
        RolloutView { id: Some(id), policy: outline.policy, waves: outline.waves, end: Some(end), reason };
    Ok((settled, view, remembered.lasts))
}

/// Where a host stands before the rollout begins or goes on.
fn stands(plan: Option<&HostPlan>, done: Option<&HostEnd>) -> State {
    if let Some(end) = done {
        return State::Ended(end.outcome);
    }
    let Some(plan) = plan else { return State::Ended(Outcome::Skipped) };
    match plan.way().filter(|_| plan.is_to_change()) {
        Some(Way::Apply { .. }) => State::Waiting,
        Some(Way::Rollback { .. }) => State::ToReturn,
        None => State::Ended(plan.result().outcome),
    }
}

/// The plans in the order of the waves, one for each host: what is meant for one host must not be done to another.
fn in_order(plans: Vec<HostPlan>, outline: &Outline) -> anyhow::Result<Vec<HostPlan>> {
    let mut by_name: BTreeMap<String, HostPlan> =
        plans.into_iter().map(|plan| (plan.name().to_owned(), plan)).collect();
    let plan =
        |(_, name)| by_name.remove(name).with_context(|| format!("{name} is in a wave but has no plan"));
    outline.hosts().map(plan).collect()
}

fn end_of(verdict: &Verdict) -> (End, Option<String>) {
    match verdict {
        Verdict::Complete => (End::Complete, None),
        Verdict::Paused(Pause::Interrupted) => (End::Interrupted, None),
        Verdict::Paused(pause) => (End::Paused, Some(pause.to_string())),
        Verdict::Returned { pause, all } => {
            (if *all { End::RolledBack } else { End::WaveRolledBack }, Some(pause.to_string()))
        }
    }
}

/// What a rollout knows of before.
struct Remembered {
    done: BTreeMap<String, HostEnd>,
    changed: BTreeMap<String, Changed>,
    found: Vec<HostEnd>,
    /// Whether what happens from now on is remembered.
    lasts: bool,
    /// Where roots of its closures belong.
    roots: Option<PathBuf>,
}

impl Memory {
    /// Begins to remember. That nothing can be remembered is no reason to leave hosts as they are.
    fn begin(
        self,
        id: &RolloutId,
        origin: Origin,
        outline: &Outline,
        plans: &[HostPlan],
        context: &Context,
    ) -> Remembered {
        let nothing = Remembered {
            done: BTreeMap::new(),
            changed: BTreeMap::new(),
            found: Vec::new(),
            lasts: false,
            roots: None,
        };
        match self {
            Self::Nothing => nothing,
            Self::Old { record, done, changed, found } => {
                let roots = Some(record.roots().to_owned());
                context.events.subscribe(record);
                Remembered { done, changed, found, lasts: true, roots }
            }
            Self::New { closures } => {
                let planned = plans.iter().filter_map(|plan| {
                    let closure = closures.get(plan.name())?.path.clone();
                    Some((plan.name().to_owned(), Planned { host: plan.session.host().clone(), closure }))
                });
                let head = Head::new(id.clone(), origin, outline.clone(), planned.collect());
                match StateDir::find().and_then(|state| Record::begin(&state, &head)) {
                    Ok(record) => {
                        let roots = Some(record.roots().to_owned());
                        context.events.subscribe(record);
                        Remembered { lasts: true, roots, ..nothing }
                    }
                    Err(problem) => {
                        context.warn(None, &format!("this rollout cannot be resumed: {problem}"));
                        nothing
                    }
                }
            }
        }
    }
}

/// The rollout of a command that takes hosts back: all at once, as far as the budgets of their tags let it.
pub fn back(id: RolloutId, origin: Origin, plans: Vec<HostPlan>, outline: Outline) -> Rollout {
    let (question, left_out, memory) = ("Roll back", Vec::new(), Memory::Nothing);
    Rollout { id, question, origin, outline, plans, left_out, memory }
}
