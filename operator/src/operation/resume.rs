//! Resumes a rollout that was paused, interrupted or killed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::ancestry;
use super::apply::Apply;
use super::apply_request::ApplyRequest;
use super::context::Context;
use super::host_plan::{HostPlan, ask};
use super::planned_change::PlannedChange;
use super::reconcile::{self, UnrecordedChange};
use super::resume_state::ResumeState;
use super::rollout::Rollout;
use super::verb::{Changed, Planned};
use crate::event::{End, HostEnd, RolloutId};
use crate::inventory::Natural;
use crate::nix::{Closure, ClosureReceiver};
use crate::rollout::{Outline, Record, RolloutHead, RolloutTarget};
use crate::state::StateDir;
use crate::stop::Stop;

/// The rollout to resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resumed {
    /// The last rollout that was started on this machine.
    Last,
    /// The rollout with this id.
    Named(RolloutId),
}

impl FromStr for Resumed {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word == "last" { Ok(Self::Last) } else { word.parse().map(Self::Named) }
    }
}

/// Plans the rest of a rollout. Hosts that are done stay as they are, and all other hosts are queried for a
/// new plan.
///
/// # Errors
/// Fails if there is no such rollout, if nothing is left to do, or if a closure is missing from the store.
pub async fn plan(
    resumed: &Resumed,
    request: &ApplyRequest,
    context: &Context,
) -> Result<Rollout<Apply>, Stop> {
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
    let targets: BTreeMap<String, RolloutTarget> = head
        .hosts
        .iter()
        .filter(|(name, _)| !done.contains_key(*name))
        .map(|(name, planned)| (name.clone(), planned.target.clone()))
        .collect();
    let closures = closures(&targets)?;
    let mut hosts: Vec<Host> = head.hosts.values().map(|planned| planned.host.clone()).collect();
    hosts.sort_by_cached_key(|host| Natural::of(&host.name));
    let connections = request.targets.connections;
    let (open, ended): (Vec<_>, Vec<_>) = connections
        .sessions(hosts)?
        .into_iter()
        .partition(|session| !done.contains_key(&session.host().name));
    let receiver = ClosureReceiver::of(closures.clone());
    let operation = request.apply(&head.origin.flake, head.origin.revision.clone(), receiver);
    let mut plans = ask(&operation, open, connections.at_once(), context).await?;
    for plan in &mut plans {
        if let Some(problem) = moved_on(plan, &head, &changed) {
            plan.planned = Some(Err(problem));
        }
    }
    ancestry::warn_of_origin(&head.origin, &plans, context).await;
    let found = untold(&plans, &head, &changed, context, connections.at_once()).await?;
    for end in &found {
        changed.extend(end.made().map(|made| (end.host.clone(), made)));
        let is_to_change = plans.iter().any(|plan| plan.name() == end.host && plan.is_to_change());
        if end.outcome.is_good() && !is_to_change {
            done.insert(end.host.clone(), end.clone());
        }
    }
    plans.extend(ended.into_iter().map(|session| HostPlan { session, planned: None }));
    let mut policy = request.policy.of_planned(head.outline.policy.clone());
    policy.max_parallel = connections.parallel.unwrap_or(policy.max_parallel);
    Ok(Rollout {
        id,
        origin: head.origin,
        outline: Outline { policy, ..head.outline },
        operation,
        plans,
        excluded: Vec::new(),
        resume_state: ResumeState::Old { record, targets, changed, done, found },
        yes: request.yes,
    })
}

/// Returns a problem if another command changed the host after the rollout was planned. Such a host is left
/// alone, because the planned closure is older than the current generation of the host.
fn moved_on(
    plan: &HostPlan<PlannedChange<Closure>>,
    head: &RolloutHead,
    changed: &BTreeMap<String, Changed>,
) -> Option<Problem> {
    // Which generation an interrupted host has is known only after it has recovered.
    let planned = plan.known().filter(|planned| planned.is_to_change() && planned.interrupted().is_none())?;
    let current = planned.current();
    let before = head.hosts.get(plan.name())?.before.as_ref()?;
    let made = changed.get(plan.name()).map(|(_, made)| made);
    let has_it = current.is_some_and(|current| current.closure == planned.target.path);
    if has_it || current == Some(before) || current.is_some() && current == made {
        return None;
    }
    let now = current.map_or_else(|| "none".to_owned(), |current| current.number.to_string());
    let name = plan.name();
    Some(
        Problem::new(
            Code::PlanOutdated,
            "the host is no longer at the generation that it had before the rollout",
        )
        .at(name)
        .because(format!("the host was at generation {}, but is now at generation {now}", before.number))
        .help(format!("apply the current flake: nixfleet apply --host {name}")),
    )
}

/// Returns the outcomes of hosts that the rollout has changed without recording the change. A host that does
/// not report a change by the rollout counts as unchanged.
async fn untold(
    plans: &[HostPlan<PlannedChange<Closure>>],
    head: &RolloutHead,
    changed: &BTreeMap<String, Changed>,
    context: &Context,
    parallel: NonZeroUsize,
) -> Result<Vec<HostEnd>, Stop> {
    let asked = plans.iter().filter(|plan| !changed.contains_key(plan.name()) && has_closure(plan));
    let sessions = asked.map(|plan| Arc::clone(&plan.session)).collect();
    let asked = reconcile::ask(sessions, &head.hosts, parallel, context).await?;
    let end = |found| match found {
        Ok(UnrecordedChange::Changed(end)) => Some(*end),
        Ok(UnrecordedChange::Nothing | UnrecordedChange::Interrupted(_)) | Err(_) => None,
    };
    Ok(asked.into_iter().filter_map(|(_, found)| end(found)).collect())
}

/// Whether a host has the closure of the rollout, whatever is left to do on the host: it may wait for a boot,
/// its health checks may fail, or it may have drifted since.
fn has_closure(plan: &HostPlan<PlannedChange<Closure>>) -> bool {
    let planned = plan.known();
    planned.is_some_and(|planned| {
        planned.current().is_some_and(|current| current.closure == planned.target.path)
    })
}

/// Returns the closures of the hosts that are not done, by host name. Fails if a closure is no longer in the
/// store.
fn closures(targets: &BTreeMap<String, RolloutTarget>) -> Result<BTreeMap<String, Closure>, Problem> {
    let closure = |target: &RolloutTarget| match target {
        RolloutTarget::Closure { closure } => Closure { path: closure.clone() },
    };
    let closures: BTreeMap<String, Closure> =
        targets.iter().map(|(name, target)| (name.clone(), closure(target))).collect();
    match closures.values().find(|closure| !Path::new(&closure.path).exists()) {
        None => Ok(closures),
        Some(gone) => Err(Problem::new(
            Code::PlanOutdated,
            "a host closure of the rollout is no longer in the Nix store",
        )
        .at(&gone.path)
        .because("the closure was removed as garbage after the rollout was planned")
        .help("start a new rollout: nixfleet apply")),
    }
}

/// Returns the last rollout, if it can be resumed.
fn last(state: &StateDir) -> Result<RolloutId, Problem> {
    let all = Record::all(state)?;
    let nothing = |why: String| Problem::new(Code::NoRollout, "no rollout is paused").because(why);
    let Some(last) = all.first() else {
        return Err(nothing("no rollout was started on this machine".to_owned()));
    };
    let progress = Record::look(state, last)?.1;
    if progress.can_go_on() {
        return Ok(last.clone());
    }
    let can_go_on = |id: &&RolloutId| Record::look(state, id).is_ok_and(|(_, progress)| progress.can_go_on());
    let problem = nothing(format!("the last rollout, {last}, is {}", word(progress.end)));
    Err(match all.iter().skip(1).find(can_go_on) {
        Some(older) => problem.help(format!("resume an older rollout: nixfleet apply --resume {older}")),
        None => problem,
    })
}

fn over(id: &RolloutId, end: Option<End>) -> Problem {
    Problem::new(Code::NoRollout, "the rollout has nothing left to do")
        .at(id)
        .because(format!("the rollout is {}", word(end)))
        .help("apply the current flake: nixfleet apply")
}

fn word(end: Option<End>) -> &'static str {
    end.map_or("broken off", End::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sample;
    use crate::ssh::{Session, Sockets};

    #[test]
    fn every_host_with_the_closure_of_the_rollout_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let sockets = Sockets::within(directory.path().join("ssh")).unwrap();
        let is_asked = |differs: Value| {
            let session = Arc::new(Session::new(sample::host("a"), &sockets, 1, 0).unwrap());
            let closure = Closure { path: "/nix/store/2".to_owned() };
            let planned = PlannedChange::of(sample::plan(differs), closure, None).unwrap();
            has_closure(&HostPlan { session, planned: Some(Ok(planned)) })
        };
        assert!(is_asked(json!({})));
        assert!(is_asked(json!({ "awaitsBoot": ["kernel"] })), "the host is deferred");
        let step = json!({ "step": "setBootDefault", "from": "/nix/store/a", "to": "/nix/store/b" });
        assert!(is_asked(json!({ "steps": [step] })), "the host has booted since");
        assert!(!is_asked(json!({ "current": { "number": 1, "closure": "/nix/store/1" } })));
        assert!(!is_asked(json!({ "current": null })));
    }
}
