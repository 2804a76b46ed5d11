//! `nixfleet apply --resume`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Outcome;

use super::carry_out::Changed;
use super::change::{CarryOutOptions, PlannedRollout};
use super::host_plan::HostPlan;
use super::planning::{Asking, Trying};
use super::resume_state::ResumeState;
use super::{Context, change, found, planning, targets};
use crate::args::{ApplyArgs, Resumed};
use crate::exit::Exit;
use nixfleet_operator::event::RolloutId;
use nixfleet_operator::event::{End, HostEnd};
use nixfleet_operator::inventory::Natural;
use nixfleet_operator::nix::{Closure, Supply};
use nixfleet_operator::rollout::{Outline, Record, RolloutHead, RolloutProgress};
use nixfleet_operator::state::StateDir;

/// Goes on with a rollout: hosts that are done stay as they are, all others are asked again what would change.
///
/// # Errors
/// There is nothing to go on with, or nothing to do it with.
pub async fn execute(
    resumed: &Resumed,
    args: &ApplyArgs,
    options: CarryOutOptions<'_>,
    context: &Context,
) -> anyhow::Result<Exit> {
    let state = StateDir::find()?;
    let id = match resumed {
        Resumed::Last => last(&state)?,
        Resumed::Named(id) => id.clone(),
    };
    let (head, progress, record) = Record::resume(&state, &id)?;
    if !progress.can_go_on() {
        return Err(over(&id, progress.end).into());
    }
    context.events.say(head.origin.known());
    let (mut done, mut changed) = (progress.done(), progress.changed());
    let closures = closures(&head, &progress)?;
    let mut hosts: Vec<Host> = head.hosts.values().map(|planned| planned.host.clone()).collect();
    hosts.sort_by_cached_key(|host| Natural::of(&host.name));
    let (open, ended): (Vec<_>, Vec<_>) = targets::sessions(hosts, &args.targets)?
        .into_iter()
        .partition(|session| !done.contains_key(&session.host().name));
    let parallel = args.targets.at_once();
    let trying = Some(Trying::of(options.yes, &head.origin.flake));
    let asking = Asking { force: &args.force, options: args.planning.options(), parallel, trying };
    let mut plans = planning::ask(open, Supply::of(closures.clone()), asking, context).await?;
    for plan in &mut plans {
        if let Some(problem) = moved_on(plan, &head, &changed) {
            plan.planned = Some(Err(problem));
        }
    }
    let found = untold(&plans, &closures, parallel, context).await?;
    for end in &found {
        changed.extend(end.after.clone().map(|after| (end.host.clone(), (end.before.clone(), after))));
        done.insert(end.host.clone(), end.clone());
    }
    plans.extend(ended.into_iter().map(|session| HostPlan { session, planned: None }));
    let mut policy = args.rollout.run.of(head.outline.policy.clone());
    policy.max_parallel = args.targets.parallel.unwrap_or(policy.max_parallel);
    let rollout = PlannedRollout {
        id,
        question: "Go on with",
        origin: head.origin,
        outline: Outline { policy, ..head.outline },
        plans,
        excluded: Vec::new(),
        resume_state: ResumeState::Old { record, closures, changed, done, found },
    };
    change::execute(rollout, options, context).await
}

/// Why a host is left alone: somebody has changed it since it was planned, and what was planned then is older.
fn moved_on(plan: &HostPlan, head: &RolloutHead, changed: &BTreeMap<String, Changed>) -> Option<Problem> {
    let current = plan.plan().filter(|plan| plan.is_to_change())?.current.as_ref();
    let planned = head.hosts.get(plan.name())?;
    let before = planned.before.as_ref()?;
    let made = changed.get(plan.name()).map(|(_, made)| made);
    let has_it = current.is_some_and(|current| current.closure == planned.closure);
    if has_it || current == Some(before) || current.is_some() && current == made {
        return None;
    }
    let now = current.map_or_else(|| "none".to_owned(), |current| current.number.to_string());
    let name = plan.name();
    Some(
        Problem::new(Code::PlanOutdated, "the host no longer stands where the rollout found it")
            .at(name)
            .because(format!("it was at generation {}, and is at {now}", before.number))
            .help(format!("what the flake describes now is applied by: nixfleet apply --host {name}")),
    )
}

/// Of hosts on which nothing is to change any more, those that the rollout has changed although nobody wrote it down. Whoever
/// does not say so is left as nothing but unchanged.
async fn untold(
    plans: &[HostPlan],
    closures: &BTreeMap<String, Closure>,
    parallel: NonZeroUsize,
    context: &Context,
) -> anyhow::Result<Vec<HostEnd>> {
    let unchanged = plans.iter().filter(|plan| plan.result().outcome == Outcome::Unchanged);
    let sessions = unchanged.map(|plan| Arc::clone(&plan.session)).collect();
    let closures = closures.iter().map(|(host, closure)| (host.clone(), closure.path.clone())).collect();
    let asked = found::ask(sessions, &closures, parallel, context).await?;
    Ok(asked.into_iter().filter_map(|(_, end)| end.ok().flatten()).collect())
}

/// The closures of the hosts that are not done.
fn closures(head: &RolloutHead, progress: &RolloutProgress) -> Result<BTreeMap<String, Closure>, Problem> {
    let done = progress.done();
    let open = head.hosts.iter().filter(|(name, _)| !done.contains_key(*name));
    let closures: BTreeMap<String, Closure> =
        open.map(|(name, planned)| (name.clone(), Closure { path: planned.closure.clone() })).collect();
    match closures.values().find(|closure| !Path::new(&closure.path).exists()) {
        None => Ok(closures),
        Some(gone) => {
            Err(Problem::new(Code::PlanOutdated, "a closure of the rollout is gone from the store")
                .at(&gone.path)
                .because("it was collected as garbage since the rollout was planned")
                .help("begin anew: nixfleet apply"))
        }
    }
}

/// The last rollout, if it can go on.
fn last(state: &StateDir) -> Result<RolloutId, Problem> {
    let all = Record::all(state)?;
    let nothing = |why: String| Problem::new(Code::NoRollout, "nothing is paused").because(why);
    let Some(last) = all.first() else {
        return Err(nothing("no rollout was begun on this machine".to_owned()));
    };
    let progress = Record::look(state, last)?.1;
    if progress.can_go_on() {
        return Ok(last.clone());
    }
    let can_go_on = |id: &&RolloutId| Record::look(state, id).is_ok_and(|(_, progress)| progress.can_go_on());
    let problem = nothing(format!("the last rollout, {last}, is {}", word(progress.end)));
    Err(match all.iter().skip(1).find(can_go_on) {
        Some(older) => problem.help(format!("an older one is: nixfleet apply --resume {older}")),
        None => problem,
    })
}

fn over(id: &RolloutId, end: Option<End>) -> Problem {
    Problem::new(Code::NoRollout, "nothing is left to do in the rollout")
        .at(id)
        .because(format!("it is {}", word(end)))
        .help("what the flake describes now is applied by: nixfleet apply")
}

fn word(end: Option<End>) -> &'static str {
    end.map_or("broken off", End::as_str)
}
