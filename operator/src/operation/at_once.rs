//! Carries out an operation on many hosts, without dividing the hosts into waves. The failure of one host
//! does not affect the other hosts.

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
use crate::ssh::Session;
use crate::stop::Stop;

/// An operation that has been planned on all its hosts.
pub struct AtOnce<O: Operation> {
    /// The operation to carry out.
    pub operation: Arc<O>,
    /// The plans of the hosts that take part.
    pub plans: Vec<HostPlan<O::Plan>>,
    /// The results of the hosts that are left out because they are in maintenance.
    pub resting: Vec<HostResult>,
    /// Whether to propose the operation without ever carrying it out.
    pub dry_run: bool,
    parallel: NonZeroUsize,
}

/// How a planned operation ended.
pub enum AtOnceEnded {
    /// The user declined the operation.
    Declined,
    /// Nothing was done, because no host had changes or because this was a dry run.
    NothingDone(Vec<HostResult>),
    /// The operation was carried out.
    Done(Vec<HostResult>),
}

impl<O: Operation> AtOnce<O> {
    /// Plans an operation on the selected hosts of a fleet, except the hosts in maintenance. With `dry_run`,
    /// the operation is only proposed, and never carried out.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated, or if there is no private directory for SSH sockets.
    pub async fn plan(
        targets: &Targets,
        operation: O,
        dry_run: bool,
        context: &Context,
    ) -> Result<Self, Stop> {
        let (_, hosts) = targets.select(context).await?;
        let (hosts, resting) = resting(hosts);
        let sessions = targets.connections.sessions(hosts)?;
        Self::plan_over(sessions, resting, targets.at_once(), operation, dry_run, context).await
    }

    /// Plans an operation over sessions that the caller has made. `resting` are the results of the hosts that
    /// are left out.
    ///
    /// # Errors
    /// Fails only because of a bug.
    pub async fn plan_over(
        sessions: Vec<Arc<Session>>,
        resting: Vec<HostResult>,
        parallel: NonZeroUsize,
        operation: O,
        dry_run: bool,
        context: &Context,
    ) -> Result<Self, Stop> {
        let operation = Arc::new(operation);
        let plans = ask(&operation, sessions, parallel, context).await?;
        Ok(Self { operation, plans, resting, dry_run, parallel })
    }

    /// Returns the number of hosts that would change.
    #[must_use]
    pub fn to_change(&self) -> usize {
        self.plans.iter().filter(|plan| plan.is_to_change()).count()
    }

    /// Proposes the operation, and carries it out if the user agrees, a host has changes, and this is not a
    /// dry run.
    ///
    /// # Errors
    /// Fails with the error that `ask` returns, or because of a bug.
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

/// Separates the hosts in maintenance from the hosts that take part. Returns the hosts that take part, and
/// the results of the hosts in maintenance.
pub(super) fn resting(hosts: Vec<Host>) -> (Vec<Host>, Vec<HostResult>) {
    let (resting, others): (Vec<Host>, Vec<Host>) =
        hosts.into_iter().partition(|host| host.maintenance.is_some());
    let excluded = resting.into_iter().map(|host| {
        let reason = host.maintenance.map(|why| format!("maintenance: {why}"));
        HostResult { reason, ..HostResult::new(host.name, Outcome::Skipped) }
    });
    (others, excluded.collect())
}
