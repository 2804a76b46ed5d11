//! An operation that is planned on many hosts and carried out wave by wave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Code;

use super::context::{Context, milliseconds};
use super::host_plan::HostPlan;
use super::planned_change::PlannedChange;
use super::resume_state::{PriorProgress, ResumeState};
use super::rollout_view::{RolloutView, can_go_back};
use super::rollout_work::RolloutWork;
use super::verb::{Operation, Planned};
use crate::errands::Errands;
use crate::event::{Bus, End, EventKind, ExcludedHost, RolloutId};
use crate::host_result::HostResult;
use crate::inventory::Natural;
use crate::notify::Notifier;
use crate::rollout::{Driver, Outline, Pause, RolloutOrigin, Verdict};
use crate::state::StateDir;
use crate::stop::Stop;

/// A rollout that has been planned.
pub struct Rollout<O: Operation> {
    /// The id of the rollout.
    pub id: RolloutId,
    /// The fleet for which the rollout was planned.
    pub origin: RolloutOrigin,
    /// The rules and waves of the rollout.
    pub outline: Outline,
    /// The operation to carry out on each host.
    pub operation: Arc<O>,
    /// The plans of all hosts that take part, in any order.
    pub plans: Vec<HostPlan<O::Plan>>,
    /// The selected hosts that do not take part.
    pub excluded: Vec<ExcludedHost>,
    /// The state from which the rollout can be resumed.
    pub resume_state: ResumeState,
    /// Whether to change hosts without asking the user.
    pub yes: bool,
}

/// A rollout that the user is asked to confirm.
pub struct Proposal<'a, O: Operation> {
    /// The rollout to confirm.
    pub rollout: &'a Rollout<O>,
    /// The errands that this machine would do for the first time, one line of text each: programs to run,
    /// messages to send and health checks to try.
    pub new_errands: &'a [String],
    /// The number of hosts that would change. If it is 0, there is nothing to confirm.
    pub to_change: usize,
}

/// How a proposed rollout ended.
pub enum Ended {
    /// The user declined the rollout.
    Declined,
    /// No host had changes.
    NothingToDo(Vec<HostResult>),
    /// The rollout was carried out, completely or in part.
    Done {
        /// The result of every host.
        results: Vec<HostResult>,
        /// The summary of the rollout.
        view: Box<RolloutView>,
        /// Whether the rollout is recorded, and can therefore be resumed.
        is_recorded: bool,
    },
}

impl<O: Operation<Plan = PlannedChange<T>>, T: Send + Sync + 'static> Rollout<O> {
    /// Returns the hosts on which a run was interrupted, each with a description of the run.
    #[must_use]
    pub fn interrupted(&self) -> Vec<(&str, &str)> {
        let known = self.plans.iter().filter_map(|plan| Some((plan.name(), plan.known()?)));
        known.filter_map(|(name, planned)| Some((name, planned.interrupted()?))).collect()
    }

    /// Whether a host recovered from an interrupted run when this rollout was planned.
    #[must_use]
    pub fn has_recovered(&self) -> bool {
        self.plans.iter().filter_map(HostPlan::known).any(|planned| planned.recovered.is_some())
    }
}

impl<O: Operation> Rollout<O> {
    /// Proposes the rollout, and carries it out if `ask` returns `true`. `ask` is always called, even if the
    /// user need not confirm.
    ///
    /// # Errors
    /// Fails with the error that `ask` returns, or because of a bug. The failure of a single host is not an
    /// error, but is part of that host's result.
    pub async fn propose(
        self,
        ask: impl AsyncFnOnce(Proposal<'_, O>) -> Result<bool, Stop>,
        context: &Context,
    ) -> Result<Ended, Stop> {
        let to_change = self.plans.iter().filter(|plan| plan.is_to_change()).count();
        let errands = errands(&self.origin, &self.plans);
        let new_errands = new_errands(&errands, &self.origin, context);
        let proposal = Proposal { rollout: &self, new_errands: &new_errands, to_change };
        if !ask(proposal).await? {
            context.events.say(EventKind::Declined);
            return Ok(Ended::Declined);
        }
        let is_done = to_change == 0 && !self.resume_state.goes_on();
        // The errands (actions of this machine for the fleet) are recorded as known only if the user has
        // agreed to them, by confirming changes or with `yes`. If recording fails, the errands are shown as
        // new again next time.
        if (!is_done || self.yes)
            && let Ok(state) = StateDir::find()
            && let Err(problem) = errands.record(&state, &self.origin.flake)
        {
            context.warn(None, &problem.to_string());
        }
        if is_done {
            return Ok(Ended::NothingToDo(results(&self.plans, &self.excluded)));
        }
        context.interrupt.hosts_are_changing();
        let (results, view, is_recorded) = self.carry_out(context).await?;
        Ok(Ended::Done { results, view: Box::new(RolloutView { new_errands, ..view }), is_recorded })
    }

    /// Carries out the rollout. Returns the result of every host, the summary, and whether the rollout is
    /// recorded.
    ///
    /// # Errors
    /// Fails only because of a bug. The failure of a single host is not an error, but is part of that host's
    /// result.
    async fn carry_out(self, context: &Context) -> Result<(Vec<HostResult>, RolloutView, bool), Stop> {
        let (events, began) = (context.events.of(self.id.clone()), Instant::now());
        let (told, is_resumed) = (self.began(context), self.resume_state.is_resumed());
        let Self { id, origin, outline, operation, plans, excluded, resume_state, .. } = self;
        let mut results = results(&plans, &excluded);
        let to_change = plans.iter().filter(|plan| plan.is_to_change()).map(|plan| plan.name().to_owned());
        let to_change: BTreeSet<String> = to_change.collect();
        if !origin.notifications.is_empty() {
            context.events.subscribe(Notifier::new(id.clone(), &origin.notifications, &events));
        }
        let mut prior = resume_state.open(&id, origin, &outline, &plans, context);
        let (hosts, rollout_roots) = (prior.hosts(&outline, &plans, O::GOES_BACK), prior.create_roots());
        events.say(told);
        prior.tell(&results, &to_change, &events);

        let changed_before = prior.changed.clone();
        operation.begin(&plans);
        let work = RolloutWork {
            operation,
            plans: in_order(plans, &outline)?,
            events: events.clone(),
            changed: Mutex::new(std::mem::take(&mut prior.changed)),
        };
        let driver = Driver::new(&outline, hosts, O::GOES_BACK, work, &events);
        let (verdict, ended) = driver.drive(&context.interrupt).await?;
        let verdict =
            if prior.is_recorded { unless_busy(verdict, &results, &ended, &events) } else { verdict };
        let (end, reason) = verdict.end();
        context.interrupt.hosts_are_done();
        let has_changed = is_resumed || ended.values().any(HostResult::may_have_changed);
        let end = match end {
            End::Paused | End::Interrupted if !has_changed => End::NothingChanged,
            end => end,
        };

        let can_go_back = can_go_back(changed_before, &ended);
        if let Some(rollout_roots) = rollout_roots
            && let Err(problem) = rollout_roots.end(end.is_final()).await
        {
            context.warn(None, &problem.to_string());
        }
        settle(&mut results, ended, &to_change, &prior, &events);
        events.say(EventKind::RolloutEnded { end, duration_ms: milliseconds(began) });
        let (policy, waves) = (outline.policy, outline.waves);
        let (id, end, new_errands) = (Some(id), Some(end), Vec::new());
        let view = RolloutView { id, policy, waves, end, reason, can_go_back, new_errands };
        Ok((results, view, prior.is_recorded))
    }

    /// Returns the event that reports the start of the rollout.
    fn began(&self, context: &Context) -> EventKind {
        EventKind::RolloutBegan {
            command: context.command.to_owned(),
            operator: crate::identity::operator(),
            flake: Some(self.origin.flake.clone()),
            revision: self.origin.revision.clone(),
            resumed: self.resume_state.is_resumed(),
            policy: self.outline.policy.clone(),
            waves: self.outline.waves.clone(),
            excluded: self.excluded.clone(),
        }
    }
}

/// Returns the plans in the order of the waves, exactly one plan for each host. Fails if a plan is missing:
/// plans are later found by position, so a gap would lead to changes on the wrong hosts.
fn in_order<P>(plans: Vec<HostPlan<P>>, outline: &Outline) -> Result<Vec<HostPlan<P>>, Stop> {
    let mut by_name: BTreeMap<String, HostPlan<P>> =
        plans.into_iter().map(|plan| (plan.name().to_owned(), plan)).collect();
    let plan =
        |(_, name)| by_name.remove(name).with_context(|| format!("{name} is in a wave but has no plan"));
    outline.hosts().map(plan).collect::<anyhow::Result<_>>().map_err(Stop::Bug)
}

/// Replaces the verdict of a complete rollout by a pause if another run is still changing a host of the
/// rollout. That run may even be part of the same rollout, if an earlier command of the rollout was killed.
fn unless_busy(
    verdict: Verdict,
    results: &[HostResult],
    ended: &BTreeMap<String, HostResult>,
    events: &Bus,
) -> Verdict {
    let results = results.iter().map(|result| ended.get(&result.host).unwrap_or(result));
    let is_locked =
        |result: &&HostResult| result.problem.as_ref().is_some_and(|why| why.code == Code::Locked);
    let hosts: Vec<String> = results.filter(is_locked).map(|result| result.host.clone()).collect();
    if verdict != Verdict::Complete || hosts.is_empty() {
        return verdict;
    }
    let pause = Pause::Busy { hosts };
    events.say(EventKind::RolloutPaused { reason: pause.to_string() });
    Verdict::Paused(pause)
}

/// Updates every result with the outcome of the host in this command or in an earlier part of the rollout. A
/// host in `to_change` whose turn did not come gets the outcome `deferred`.
fn settle(
    results: &mut [HostResult],
    mut ended: BTreeMap<String, HostResult>,
    to_change: &BTreeSet<String>,
    prior: &PriorProgress,
    events: &Bus,
) {
    for result in results {
        if let Some(ended) = ended.remove(&result.host) {
            *result = ended;
        } else if let Some(done) = prior.done.get(&result.host) {
            result.outcome = done.outcome;
        } else if to_change.contains(&result.host) {
            result.outcome = Outcome::Deferred;
            result.reason = Some("the rollout ended before the turn of this host".to_owned());
            events.say(EventKind::HostEnded(result.end(Duration::ZERO)));
        }
    }
}

/// Returns the result that every selected host has if the rollout is not carried out, sorted by host name.
#[must_use]
pub fn results<P: Planned>(plans: &[HostPlan<P>], excluded: &[ExcludedHost]) -> Vec<HostResult> {
    let excluded = excluded.iter().map(|each| HostResult {
        reason: Some(each.reason.clone()),
        ..HostResult::new(&each.host, Outcome::Skipped)
    });
    let mut results: Vec<HostResult> = plans.iter().map(HostPlan::result).chain(excluded).collect();
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    results
}

/// Returns the errands of a rollout: the programs that this machine runs, the messages that it sends and the
/// health checks that it tries for the fleet.
#[must_use]
pub fn errands<P: Planned>(origin: &RolloutOrigin, plans: &[HostPlan<P>]) -> Errands {
    let planned = plans.iter().filter_map(|plan| Some((plan.name(), plan.known()?.checks()?)));
    let checks = planned.flat_map(|(host, checks)| checks.iter().map(move |check| (host, check)));
    Errands::of(&origin.notifications, checks)
}

/// Returns the errands that are new on this machine, or all errands if the record of known errands cannot be
/// read.
#[must_use]
pub fn new_errands(errands: &Errands, origin: &RolloutOrigin, context: &Context) -> Vec<String> {
    StateDir::find().and_then(|state| errands.new_here(&state, &origin.flake)).unwrap_or_else(|problem| {
        context.warn(None, &format!("nixfleet cannot tell which tasks are new for this machine: {problem}"));
        errands.all()
    })
}
