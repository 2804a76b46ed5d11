//! An operation on all hosts at once: without waves, and without a word on how one of them ended for the
//! others.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixfleet_contract::fleet::Host;
use nixfleet_contract::outcome::Outcome;

use super::context::Context;
use super::host_plan::{HostPlan, ask};
use super::targets::Targets;
use super::verb::Operation;
use crate::event::EventKind;
use crate::host_result::HostResult;
use crate::inventory::Natural;
use crate::orchestrate::each;
use crate::stop::Stop;

/// An operation that was planned.
pub struct AtOnce<O: Operation> {
    /// What is done.
    pub operation: Arc<O>,
    /// The plans of the hosts that take part.
    pub plans: Vec<HostPlan<O::Plan>>,
    /// Those that do not.
    pub resting: Vec<HostResult>,
    /// It is only proposed.
    pub dry_run: bool,
    parallel: NonZeroUsize,
}

/// How it ended.
pub enum AtOnceEnded {
    /// The user declined.
    Declined,
    /// Nothing was to be done, or it was only planned.
    NothingDone(Vec<HostResult>),
    /// It was carried out.
    Done(Vec<HostResult>),
}

impl<O: Operation> AtOnce<O> {
    /// Asks the hosts of a fleet, except those in maintenance. `dry_run`: it is only going to be proposed.
    ///
    /// # Errors
    /// The fleet cannot be evaluated, or there is no place for connections.
    pub async fn plan(
        targets: &Targets,
        operation: O,
        dry_run: bool,
        context: &Context,
    ) -> Result<Self, Stop> {
        let (_, hosts) = targets.select(context).await?;
        let (hosts, resting) = resting(hosts);
        let (operation, parallel) = (Arc::new(operation), targets.at_once());
        let sessions = targets.connections.sessions(hosts)?;
        let plans = ask(&operation, sessions, parallel, context).await?;
        Ok(Self { operation, plans, resting, dry_run, parallel })
    }

    /// How many hosts would change.
    #[must_use]
    pub fn to_change(&self) -> usize {
        self.plans.iter().filter(|plan| plan.is_to_change()).count()
    }

    /// Proposes it, and carries it out if the answer is yes and it is no dry run.
    ///
    /// # Errors
    /// Those of the proposal, or a bug.
    pub async fn propose(
        self,
        ask: impl AsyncFnOnce(&Self) -> Result<bool, Stop>,
        context: &Context,
    ) -> Result<AtOnceEnded, Stop> {
        let agreed = ask(&self).await?;
        if self.dry_run || self.to_change() == 0 {
            let results = self.plans.iter().map(HostPlan::result);
            let results = by_name(results.chain(self.resting.iter().cloned()).collect());
            for result in &results {
                context.events.say(EventKind::HostEnded(result.end(Duration::ZERO)));
            }
            return Ok(AtOnceEnded::NothingDone(results));
        }
        if !agreed {
            context.events.say(EventKind::Declined);
            return Ok(AtOnceEnded::Declined);
        }
        context.interrupt.hosts_are_changing();
        self.carry_out(context).await.map(AtOnceEnded::Done)
    }

    async fn carry_out(self, context: &Context) -> Result<Vec<HostResult>, Stop> {
        let before: Vec<HostResult> = self.plans.iter().map(HostPlan::result).collect();
        self.operation.begin(&self.plans);
        let done = each(self.plans, self.parallel, &context.interrupt, |plan| {
            let (operation, events) = (Arc::clone(&self.operation), context.events.clone());
            async move {
                let began = Instant::now();
                let result = match plan.known().filter(|_| plan.is_to_change()) {
                    Some(planned) => operation.perform(&plan.session, planned, &events).await,
                    None => plan.result(),
                };
                events.say(EventKind::HostEnded(result.end(began.elapsed())));
                result
            }
        });
        let untouched = |before: HostResult| HostResult { outcome: Outcome::Skipped, ..before };
        let done = done.await?.into_iter().zip(before);
        let done = done.map(|(done, before)| done.unwrap_or_else(|| untouched(before)));
        Ok(by_name(done.chain(self.resting).collect()))
    }
}

fn by_name(mut results: Vec<HostResult>) -> Vec<HostResult> {
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    results
}

/// Hosts in maintenance are left alone.
fn resting(hosts: Vec<Host>) -> (Vec<Host>, Vec<HostResult>) {
    let (resting, others): (Vec<Host>, Vec<Host>) =
        hosts.into_iter().partition(|host| host.maintenance.is_some());
    let excluded = resting.into_iter().map(|host| {
        let reason = host.maintenance.map(|why| format!("maintenance: {why}"));
        HostResult { reason, ..HostResult::new(host.name, Outcome::Skipped) }
    });
    (others, excluded.collect())
}
