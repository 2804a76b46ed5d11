//! Carries plans out as a rollout, wave by wave.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nixfleet_contract::force::Force;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Code;

use super::carry_out::CarryOut;
use super::context::{Context, milliseconds};
use super::host_plan::{HostPlan, Operation};
use super::resume_state::{PriorProgress, ResumeState};
use super::rollout_view::RolloutView;
use super::window::Window;
use crate::errands::Errands;
use crate::event::{Bus, End, EventKind, ExcludedHost, RolloutId};
use crate::host_result::HostResult;
use crate::inventory::Natural;
use crate::nix::ClosurePaths;
use crate::notify::Notifier;
use crate::rollout::{Driver, Outline, Pause, RolloutOrigin, Verdict};

/// How plans are carried out.
#[derive(Clone, Copy)]
pub struct ChangeOptions<'a> {
    /// Whether each host has to be reached over a new connection.
    pub window: Window,
    /// In spite of which objections.
    pub force: &'a [Force],
    /// Whether hosts fetch from their own binary caches what those have.
    pub substitute: bool,
}

/// A rollout that has been planned.
pub struct PlannedRollout {
    /// Its name.
    pub id: RolloutId,
    /// Where it comes from.
    pub origin: RolloutOrigin,
    /// What it goes by.
    pub outline: Outline,
    /// The plans of all its hosts, in any order.
    pub plans: Vec<HostPlan>,
    /// Selected hosts that do not take part.
    pub excluded: Vec<ExcludedHost>,
    /// Its resume state.
    pub resume_state: ResumeState,
}

impl PlannedRollout {
    /// Carries it out. Returns what became of every host, of the whole, and whether it is recorded.
    ///
    /// # Errors
    /// Only a bug; what goes wrong on a host is in its result.
    pub async fn carry_out(
        self,
        options: ChangeOptions<'_>,
        context: &Context,
    ) -> anyhow::Result<(Vec<HostResult>, RolloutView, bool)> {
        let (events, began) = (context.events.of(self.id.clone()), Instant::now());
        let (told, goes_back, is_resumed) =
            (self.began(context), self.goes_back(), self.resume_state.is_resumed());
        let Self { id, origin, outline, plans, excluded, resume_state, .. } = self;
        let mut results = results(&plans, &excluded);
        let origin_revision = origin.revision.clone();
        let known = Errands::shown_here(&origin.flake);
        if !origin.notifications.is_empty() {
            context.events.subscribe(Notifier::new(id.clone(), &origin.notifications, &events));
        }
        let mut prior = resume_state.open(&id, origin, &outline, &plans, context);
        let (hosts, rollout_roots) = (prior.hosts(&outline, &plans), prior.lay_roots());
        events.say(told);
        prior.tell(&results, &events);

        let work = CarryOut {
            closure_paths: ClosurePaths::of(plans.iter().filter_map(HostPlan::closure_to_copy)),
            substitute: options.substitute,
            plans: in_order(plans, &outline)?,
            window: options.window,
            revision: origin_revision,
            force: options.force.to_vec(),
            events: events.clone(),
            known,
            changed: Mutex::new(std::mem::take(&mut prior.changed)),
        };
        let driver = Driver::new(&outline, hosts, goes_back, work, &events);
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

        if let Some(rollout_roots) = rollout_roots
            && let Err(problem) = rollout_roots.end(end.is_final()).await
        {
            context.warn(None, &problem.to_string());
        }
        settle(&mut results, ended, &prior, &events);
        events.say(EventKind::RolloutEnded { end, duration_ms: milliseconds(began) });
        let (policy, waves) = (outline.policy, outline.waves);
        let view =
            RolloutView { id: Some(id), policy, waves, end: Some(end), reason, new_errands: Vec::new() };
        Ok((results, view, prior.is_recorded))
    }

    /// Whether it takes hosts back.
    fn goes_back(&self) -> bool {
        self.plans.iter().any(|plan| matches!(plan.operation(), Some(Operation::Rollback { .. })))
    }

    /// What is told when it begins.
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

/// The plans in the order of the waves, one for each host: what is meant for one host must not be done to
/// another.
fn in_order(plans: Vec<HostPlan>, outline: &Outline) -> anyhow::Result<Vec<HostPlan>> {
    let mut by_name: BTreeMap<String, HostPlan> =
        plans.into_iter().map(|plan| (plan.name().to_owned(), plan)).collect();
    let plan =
        |(_, name)| by_name.remove(name).with_context(|| format!("{name} is in a wave but has no plan"));
    outline.hosts().map(plan).collect()
}

/// Nothing is complete while another run is at a host: it may be one of this very rollout, whose command was
/// killed.
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

/// How every host ended: just now, in an earlier part of the rollout, or not at all.
fn settle(
    results: &mut [HostResult],
    mut ended: BTreeMap<String, HostResult>,
    prior: &PriorProgress,
    events: &Bus,
) {
    for result in results {
        if let Some(ended) = ended.remove(&result.host) {
            *result = ended;
        } else if let Some(done) = prior.done.get(&result.host) {
            result.outcome = done.outcome;
        } else if result.outcome == Outcome::Ok {
            result.outcome = Outcome::Deferred;
            result.reason = Some("its turn did not come".to_owned());
            events.say(EventKind::HostEnded(result.end(Duration::ZERO)));
        }
    }
}

/// Every selected host as it stands if it goes no further than this, by name.
#[must_use]
pub fn results(plans: &[HostPlan], excluded: &[ExcludedHost]) -> Vec<HostResult> {
    let excluded = excluded.iter().map(|each| HostResult {
        reason: Some(each.reason.clone()),
        ..HostResult::new(&each.host, Outcome::Skipped)
    });
    let mut results: Vec<HostResult> = plans.iter().map(HostPlan::result).chain(excluded).collect();
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    results
}

/// What a rollout has this machine do.
#[must_use]
pub fn errands(origin: &RolloutOrigin, plans: &[HostPlan]) -> Errands {
    let planned = plans.iter().filter_map(|plan| {
        let planned = plan.planned.as_ref()?.as_ref().ok()?;
        Some((plan.name(), planned.checks.as_deref()?))
    });
    let checks = planned.flat_map(|(host, checks)| checks.iter().map(move |check| (host, check)));
    Errands::of(&origin.notifications, checks)
}
