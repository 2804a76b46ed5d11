//! The resume state of a rollout, from which a later command continues the rollout after it was paused,
//! interrupted or killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use nixfleet_contract::outcome::Outcome;

use super::context::Context;
use super::host_plan::HostPlan;
use super::verb::{Changed, Planned};
use crate::event::RolloutId;
use crate::event::{Bus, EventKind, HostEnd};
use crate::host_result::HostResult;
use crate::nix::RolloutRoots;
use crate::rollout::{
    HostState, Hosts, Outline, PlannedHost, Record, RolloutHead, RolloutOrigin, RolloutTarget, Undone,
};
use crate::state::StateDir;

/// The resume state of a rollout.
pub enum ResumeState {
    /// No state, because the rollout cannot be resumed.
    Nothing,
    /// The state of a new rollout.
    New {
        /// The target of each host, by host name.
        targets: BTreeMap<String, RolloutTarget>,
    },
    /// The state of a resumed rollout.
    Old {
        /// The record of the rollout so far.
        record: Record,
        /// The targets of the hosts that are not done, by host name.
        targets: BTreeMap<String, RolloutTarget>,
        /// The outcomes of the hosts that are done, by host name.
        done: BTreeMap<String, HostEnd>,
        /// The changes that the rollout has made, by host name.
        changed: BTreeMap<String, Changed>,
        /// The outcomes that are missing from the record, and that this command learned by querying the
        /// hosts.
        found: Vec<HostEnd>,
    },
    /// The state of a rollout that undoes another rollout.
    Undone {
        /// The record of the rollout to undo.
        record: Record,
        /// The hosts that the rollout to undo has changed.
        hosts: BTreeSet<String>,
    },
}

impl ResumeState {
    /// Whether the rollout is carried out even if no host has changes, so that the end of the rollout is
    /// recorded.
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        matches!(self, Self::Old { .. } | Self::Undone { .. })
    }

    /// Whether the rollout was started by an earlier command.
    #[must_use]
    pub const fn is_resumed(&self) -> bool {
        matches!(self, Self::Old { .. })
    }

    /// Starts recording the rollout, and returns its progress so far. If recording fails, the user is warned,
    /// and hosts are changed nevertheless.
    #[must_use]
    pub fn open<P: Planned>(
        self,
        id: &RolloutId,
        origin: RolloutOrigin,
        outline: &Outline,
        plans: &[HostPlan<P>],
        context: &Context,
    ) -> PriorProgress {
        match self {
            Self::Nothing => PriorProgress::default(),
            Self::Undone { record, hosts } => {
                context.events.subscribe(Undone::new(record, id.clone(), hosts));
                PriorProgress::default()
            }
            Self::Old { record, targets, done, changed, found } => {
                let roots = Some(record.roots().to_owned());
                context.events.subscribe(record);
                let left = left_to_do(targets, |name| done.contains_key(name));
                PriorProgress { done, changed, found, is_recorded: true, roots, left }
            }
            Self::New { targets } => {
                let planned = plans.iter().filter_map(|plan| {
                    let target = targets.get(plan.name())?.clone();
                    let before = plan.known().and_then(Planned::current).cloned();
                    let host = plan.session.host().clone();
                    Some((plan.name().to_owned(), PlannedHost { host, target, before }))
                });
                let named = (id.clone(), context.command);
                let head = RolloutHead::new(named, origin, outline.clone(), planned.collect());
                match StateDir::find().and_then(|state| Record::begin(&state, &head)) {
                    Ok(record) => {
                        let roots = Some(record.roots().to_owned());
                        context.events.subscribe(record);
                        let done = at_target(plans);
                        let left = left_to_do(targets, |name| done.contains(name));
                        PriorProgress { is_recorded: true, roots, left, ..PriorProgress::default() }
                    }
                    Err(problem) => {
                        context.warn(None, &format!("this rollout cannot be resumed: {problem}"));
                        PriorProgress::default()
                    }
                }
            }
        }
    }
}

/// Returns the names of the hosts that have already reached their target.
fn at_target<P: Planned>(plans: &[HostPlan<P>]) -> BTreeSet<&str> {
    let is_at_target = |plan: &&HostPlan<P>| !plan.is_to_change() && plan.result().outcome.is_good();
    plans.iter().filter(is_at_target).map(HostPlan::name).collect()
}

/// Returns the closures of the hosts that are not done. Hosts that could not make a plan are included, since
/// planning may succeed when the rollout is resumed.
fn left_to_do(targets: BTreeMap<String, RolloutTarget>, is_done: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let closure = |(_, target)| match target {
        RolloutTarget::Closure { closure } => closure,
    };
    targets.into_iter().filter(|(name, _)| !is_done(name)).map(closure).collect()
}

/// The progress that a rollout made before this command.
#[derive(Default)]
pub struct PriorProgress {
    /// The outcomes of the hosts that are done, by host name.
    pub done: BTreeMap<String, HostEnd>,
    /// The changes that the rollout has made, by host name.
    pub changed: BTreeMap<String, Changed>,
    /// Whether the further progress of the rollout is recorded.
    pub is_recorded: bool,
    found: Vec<HostEnd>,
    /// The directory for the garbage collection roots that protect the closures in `left`.
    roots: Option<PathBuf>,
    /// The closures without which the rollout cannot be resumed.
    left: BTreeSet<String>,
}

impl PriorProgress {
    /// Returns the state of each host before the rollout starts or resumes. `goes_back` states whether the
    /// rollout rolls hosts back.
    #[must_use]
    pub fn hosts<P: Planned>(&self, outline: &Outline, plans: &[HostPlan<P>], goes_back: bool) -> Hosts {
        let by_name: BTreeMap<&str, &HostPlan<P>> = plans.iter().map(|plan| (plan.name(), plan)).collect();
        let at_first = if goes_back { HostState::ToReturn } else { HostState::Waiting };
        let stands = |name: &str| stands(by_name.get(name).copied(), self.done.get(name), at_first);
        let mut hosts = Hosts::new(outline, stands);
        for (host, (_, name)) in outline.hosts().enumerate() {
            if self.changed.contains_key(name) {
                hosts.mark_changed(host);
            }
            if by_name.get(name).and_then(|plan| plan.known()).is_some_and(Planned::downloads) {
                hosts.download_first(host);
            }
        }
        hosts
    }

    /// Reports the outcomes of the hosts that are not in `to_change`, on which nothing further will be done.
    pub fn tell(&mut self, results: &[HostResult], to_change: &BTreeSet<String>, events: &Bus) {
        for end in self.found.drain(..) {
            events.say(EventKind::HostEnded(end));
        }
        for result in results {
            if !to_change.contains(&result.host) && !self.done.contains_key(&result.host) {
                events.say(EventKind::HostEnded(result.end(Duration::ZERO)));
            }
        }
    }

    /// Protects from garbage collection all closures without which the rollout cannot be resumed.
    #[must_use]
    pub fn create_roots(&self) -> Option<RolloutRoots> {
        self.roots.as_ref().map(|roots| RolloutRoots::lay(roots.clone(), self.left.clone()))
    }
}

/// Returns the state of a host before the rollout starts or resumes. `at_first` is the state of a host on
/// which work is still to be done.
fn stands<P: Planned>(plan: Option<&HostPlan<P>>, done: Option<&HostEnd>, at_first: HostState) -> HostState {
    match (done, plan) {
        (Some(end), _) => HostState::Ended(end.outcome),
        (None, None) => HostState::Ended(Outcome::Skipped),
        (None, Some(plan)) if plan.is_to_change() => at_first,
        (None, Some(plan)) => HostState::Ended(plan.result().outcome),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nixfleet_contract::generation::Generation;
    use nixfleet_contract::policy::Policy;
    use nixfleet_contract::problem::{Code, Problem};
    use serde_json::json;

    use super::*;
    use crate::operation::planned_change::PlannedChange;
    use crate::sample;
    use crate::ssh::{Session, Sockets};

    fn session() -> Arc<Session> {
        let directory = tempfile::tempdir().unwrap();
        let sockets = Sockets::within(directory.path().join("ssh")).unwrap();
        Arc::new(Session::new(sample::host("a"), &sockets, 1, 0).unwrap())
    }

    #[test]
    fn a_host_that_only_recovered_was_not_changed_by_the_rollout() {
        let planned = PlannedChange::of(sample::plan(json!({})), (), None).unwrap();
        let recovered = Some("an interrupted run was rolled back".to_owned());
        let plan = HostPlan { session: session(), planned: Some(Ok(PlannedChange { recovered, ..planned })) };
        assert_eq!(plan.result().outcome, Outcome::Ok);
        let (policy, waves) = (Policy::plain(), vec![vec!["a".to_owned()]]);
        let outline = Outline { policy, waves, budgets: Vec::new(), groups: Vec::new() };
        let plans = [plan];
        let changed = |prior: &PriorProgress| prior.hosts(&outline, &plans, false).changed(None);
        assert_eq!(changed(&PriorProgress::default()), [0; 0]);
        let end = plans[0].result().end(Duration::ZERO);
        let done = BTreeMap::from([("a".to_owned(), end)]);
        assert_eq!(changed(&PriorProgress { done, ..PriorProgress::default() }), [0; 0]);
        let made = Generation { number: 2, closure: "/nix/store/2".to_owned() };
        let by_rollout = BTreeMap::from([("a".to_owned(), (None, made))]);
        assert_eq!(changed(&PriorProgress { changed: by_rollout, ..PriorProgress::default() }), [0]);
    }

    #[test]
    fn the_closure_of_a_host_that_did_not_answer_is_kept() {
        let session = session();
        let problem = Problem::new(Code::Unreachable, "the host cannot be reached");
        let plans: [HostPlan<PlannedChange<()>>; 1] = [HostPlan { session, planned: Some(Err(problem)) }];
        let target = RolloutTarget::Closure { closure: "/nix/store/x".to_owned() };
        let targets = BTreeMap::from([("a".to_owned(), target)]);
        let done = at_target(&plans);
        let left = left_to_do(targets, |name| done.contains(name));
        assert_eq!(left, BTreeSet::from(["/nix/store/x".to_owned()]));
    }
}
