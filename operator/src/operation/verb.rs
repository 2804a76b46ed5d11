//! The trait that all operations on hosts implement.

use std::sync::Arc;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::Check;
use nixfleet_contract::problem::{Code, Problem};

use super::host_plan::HostPlan;
use crate::event::{Bus, EventKind};
use crate::host_result::HostResult;
use crate::ssh::Session;

/// The generation before a change, if there was one, and the generation that the change made.
pub type Changed = (Option<Generation>, Generation);

/// An operation on hosts, such as apply. For each host, an operation plans a change, prepares the change,
/// carries out the change and, if the operation supports this, undoes the change. A rollout or
/// [`at_once`](super::at_once) decides when each host has its turn.
pub trait Operation: Send + Sync + 'static {
    /// The planned change of a host.
    type Plan: Planned;

    /// Whether the operation is itself a rollback. If so, all hosts are in one wave, and the operation
    /// continues even if hosts fail.
    const GOES_BACK: bool = false;

    /// Asks a host what the operation would change there. Changes nothing on the host.
    ///
    /// # Errors
    /// Fails if the host cannot be reached, or if the host refuses to make a plan.
    fn plan(
        &self,
        session: &Arc<Session>,
        events: &Bus,
    ) -> impl Future<Output = Result<Self::Plan, Problem>> + Send;

    /// Receives the plans of all hosts before the work on the first host starts.
    fn begin(&self, _plans: &[HostPlan<Self::Plan>]) {}

    /// Does the work that can be done ahead of a host's turn without changing the host, such as copying the
    /// closure to the host.
    ///
    /// # Errors
    /// Fails if the work cannot be done. The host is then not changed.
    fn prepare(
        &self,
        _session: &Session,
        _plan: &Self::Plan,
        _events: &Bus,
    ) -> impl Future<Output = Result<(), Problem>> + Send {
        async { Ok(()) }
    }

    /// Carries out the plan on a host.
    fn perform(
        &self,
        session: &Session,
        plan: &Self::Plan,
        events: &Bus,
    ) -> impl Future<Output = HostResult> + Send;

    /// Rolls a host back to its state before the change.
    fn undo(
        &self,
        session: &Session,
        _changed: &Changed,
        _events: &Bus,
    ) -> impl Future<Output = HostResult> + Send {
        let name = session.host().name.clone();
        async move {
            let problem = Problem::new(Code::NoGeneration, "this change cannot be rolled back").at(&name);
            HostResult::failed(name, problem)
        }
    }
}

/// The planned change of a host.
pub trait Planned: Send + Sync + Sized + 'static {
    /// Whether carrying out the plan would change the host.
    fn is_to_change(&self) -> bool;

    /// Whether the host downloads packages. All hosts of a rollout do so before the first host is changed.
    fn downloads(&self) -> bool {
        false
    }

    /// Returns the result that the host has if the plan is not carried out.
    fn result(&self, host: &str) -> HostResult;

    /// Returns the current generation of the host, if it is known.
    fn current(&self) -> Option<&Generation> {
        None
    }

    /// Returns the health checks to try from the operator's machine, if they are known.
    fn checks(&self) -> Option<&[Check]> {
        None
    }

    /// Returns the event that reports the plan of a host, or `None` if the operation reports no plans.
    fn told(_host: &str, _planned: &Result<Self, Problem>) -> Option<EventKind> {
        None
    }
}
