//! Garbage collection: drops generations of hosts that nobody needs.

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

/// A wish to collect garbage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcRequest {
    /// Of which hosts.
    pub targets: Targets,
    /// What stays.
    pub retention: Retention,
    /// Whether the store of each host is collected then.
    pub collect: bool,
    /// It is only planned.
    pub dry_run: bool,
}

/// A garbage collection.
pub struct Gc {
    retention: Retention,
    /// Whether the store of each host is collected then.
    pub collect: bool,
    /// What rollouts still refer to, by host.
    rollouts: BTreeMap<String, BTreeSet<Passage>>,
    /// The day, as pins write it.
    today: String,
}

/// What would go from a host.
pub struct PlannedGc {
    request: Request,
    /// What it says would go; nothing where it is not managed.
    plan: Option<GcPlan>,
    collect: bool,
}

impl GcRequest {
    /// Asks each host what would go.
    ///
    /// # Errors
    /// The fleet cannot be evaluated, or it is not known what rollouts refer to.
    pub async fn plan(&self, context: &Context) -> Result<AtOnce<Gc>, Stop> {
        let rollouts = open_passages(&StateDir::find()?)?;
        let (retention, collect) = (self.retention, self.collect);
        let gc = Gc { retention, collect, rollouts, today: today() };
        AtOnce::plan(&self.targets, gc, self.dry_run, context).await
    }
}

impl Gc {
    /// What is asked of a host.
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
    /// How many generations go.
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
