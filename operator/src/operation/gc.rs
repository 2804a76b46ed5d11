//! Garbage collection: drops generations of hosts that are not needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::gc::{GcPlan, Judged, Passage, Request, Retention};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::at_once::AtOnce;
use super::context::Context;
use super::targets::Targets;
use super::verb::{Operation, Planned};
use crate::event::{Bus, EventKind, Phase};
use crate::host_result::{GcView, HostResult};
use crate::remote;
use crate::rollout::{open_passages, pin, today};
use crate::ssh::Session;
use crate::state::StateDir;
use crate::stop::Stop;

/// A request to collect garbage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcRequest {
    /// The hosts to clean up.
    pub targets: Targets,
    /// The rule that decides which generations are kept.
    pub retention: Retention,
    /// Whether to collect garbage in the Nix store of each host after dropping its generations.
    pub collect: bool,
    /// Whether to plan without dropping anything.
    pub dry_run: bool,
}

/// An operation that drops generations.
pub struct Gc {
    retention: Retention,
    /// Whether to collect garbage in the Nix store of each host after dropping its generations.
    pub collect: bool,
    /// The changes that unfinished rollouts made, by host name. Hosts keep the generations that these
    /// rollouts may still need.
    rollouts: BTreeMap<String, BTreeSet<Passage>>,
    /// The current date, in the format in which pins state when they expire, such as `2027-01-31`.
    today: String,
}

/// The plan of a garbage collection on one host.
pub struct PlannedGc {
    request: Request,
    /// The plan that the host made, or `None` if the host is not managed.
    plan: Option<GcPlan>,
    collect: bool,
}

impl GcRequest {
    /// Queries each host for the generations that it would drop.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated, or if the records of rollouts cannot be read.
    pub async fn plan(&self, context: &Context) -> Result<AtOnce<Gc>, Stop> {
        let rollouts = open_passages(&StateDir::find()?)?;
        let (retention, collect) = (self.retention, self.collect);
        let gc = Gc { retention, collect, rollouts, today: today() };
        AtOnce::plan(&self.targets, gc, self.dry_run, context).await
    }
}

impl Gc {
    /// Returns the request to send to a host.
    fn request(&self, host: &Host) -> Request {
        let pin = pin(host, &self.today);
        Request {
            retention: self.retention,
            pinned: pin.and_then(|pin| pin.generation).into_iter().collect(),
            pinned_revision: pin.filter(|pin| pin.generation.is_none()).and_then(|pin| pin.rev.clone()),
            rollouts: self.rollouts.get(&host.name).cloned().unwrap_or_default(),
        }
    }
}

impl Operation for Gc {
    type Plan = PlannedGc;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<PlannedGc, Problem> {
        let host = session.host().name.clone();
        events.say(EventKind::HostPhase { host, phase: Phase::Planning });
        let request = self.request(session.host());
        let plan = remote::plan_gc(session, &request).await?;
        Ok(PlannedGc { request, plan, collect: self.collect })
    }

    async fn perform(&self, session: &Session, planned: &PlannedGc, events: &Bus) -> HostResult {
        let host = session.host().name.clone();
        let Some(plan) = &planned.plan else { return planned.result(&host) };
        events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Cleaning });
        let view = |report| Some(Box::new(GcView { plan: plan.clone(), report }));
        match remote::gc(session, &planned.request, plan, self.collect).await {
            Err(problem) => HostResult { gc: view(None), ..HostResult::failed(host, problem) },
            Ok(report) => HostResult {
                problem: report.problem.clone(),
                gc: view(Some(report.clone())),
                ..HostResult::new(host, report.outcome)
            },
        }
    }
}

impl PlannedGc {
    /// Returns the number of generations to drop.
    #[must_use]
    pub fn going(&self) -> usize {
        let generations = self.plan.as_ref().map(|plan| plan.generations.as_slice()).unwrap_or_default();
        generations.iter().filter(|judged| judged.goes()).count()
    }
}

impl Planned for PlannedGc {
    fn is_to_change(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| {
            plan.problem.is_none() && (self.collect || plan.generations.iter().any(Judged::goes))
        })
    }

    fn result(&self, host: &str) -> HostResult {
        let Some(plan) = &self.plan else {
            let reason = Some("not managed yet".to_owned());
            return HostResult { reason, ..HostResult::new(host, Outcome::Unchanged) };
        };
        let gc = Some(Box::new(GcView { plan: plan.clone(), report: None }));
        match &plan.problem {
            Some(problem) => HostResult { gc, ..HostResult::failed(host, problem.clone()) },
            None if self.is_to_change() => HostResult { gc, ..HostResult::new(host, Outcome::Ok) },
            None => HostResult { gc, ..HostResult::new(host, Outcome::Unchanged) },
        }
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::fleet::Pin;

    use super::*;
    use crate::sample;

    #[test]
    fn a_pin_that_holds_keeps_what_it_says() {
        let pinned = |generation, rev: Option<&str>, until: Option<&str>| {
            let (rev, until, reason) = (rev.map(str::to_owned), until.map(str::to_owned), "why".to_owned());
            let host = Host { pin: Some(Pin { generation, rev, reason, until }), ..sample::host("a") };
            let (retention, rollouts) = (Retention::Newest(1), BTreeMap::new());
            let gc = Gc { retention, collect: false, rollouts, today: "2027-01-31".to_owned() };
            let request = gc.request(&host);
            (request.pinned.into_iter().collect::<Vec<_>>(), request.pinned_revision)
        };
        assert_eq!(pinned(Some(7), None, None), (vec![7], None));
        assert_eq!(pinned(Some(7), Some("abc"), None), (vec![7], None));
        assert_eq!(pinned(None, Some("abc"), None), (vec![], Some("abc".to_owned())));
        assert_eq!(pinned(None, Some("abc"), Some("2027-01-30")), (vec![], None));
        assert_eq!(pinned(Some(7), None, Some("2027-01-30")), (vec![], None));
    }
}
