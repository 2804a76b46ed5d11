//! What an operation is: a verb that goes through hosts.

use std::sync::Arc;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::Check;
use nixfleet_contract::problem::{Code, Problem};

use super::host_plan::HostPlan;
use crate::event::{Bus, EventKind};
use crate::host_result::HostResult;
use crate::ssh::Session;

/// What a change made of a host: the generation before, if there was one, and the one that it made.
pub type Changed = (Option<Generation>, Generation);

/// A verb that goes through hosts, such as apply. Each host is planned, prepared, performed on and, where the
/// operation can do that, taken back. When each host has its turn is no matter of the operation: a rollout or
/// [`at_once`](super::at_once) decides that.
pub trait Operation: Send + Sync + 'static {
    /// What is to be done on a host, and what that would change.
    type Plan: Planned;

    /// Whether it is itself a way back. It then goes through all hosts at once, and stops for nobody's
    /// failure.
    const GOES_BACK: bool = false;

    /// Asks a host what would change. Changes nothing there.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses.
    fn plan(
        &self,
        session: &Arc<Session>,
        events: &Bus,
    ) -> impl Future<Output = Result<Self::Plan, Problem>> + Send;

    /// Takes in the plans of all hosts before anything is done to the first.
    fn begin(&self, _plans: &[HostPlan<Self::Plan>]) {}

    /// Does ahead of a host's turn what does not change it, such as copying.
    ///
    /// # Errors
    /// It cannot be done. The host is then not performed on.
    fn prepare(
        &self,
        _session: &Session,
        _plan: &Self::Plan,
    ) -> impl Future<Output = Result<(), Problem>> + Send {
        async { Ok(()) }
    }

    /// Does it to a host.
    fn perform(
        &self,
        session: &Session,
        plan: &Self::Plan,
        events: &Bus,
    ) -> impl Future<Output = HostResult> + Send;

    /// Takes a host back to where it stood before.
    fn undo(
        &self,
        session: &Session,
        _changed: &Changed,
        _events: &Bus,
    ) -> impl Future<Output = HostResult> + Send {
        let name = session.host().name.clone();
        async move {
            let problem = Problem::new(Code::NoGeneration, "this cannot be taken back").at(&name);
            HostResult::failed(name, problem)
        }
    }
}

/// What an operation is to do on a host.
pub trait Planned: Send + Sync + Sized + 'static {
    /// Whether doing it would change something.
    fn is_to_change(&self) -> bool;

    /// How the host stands if it goes no further than this.
    fn result(&self, host: &str) -> HostResult;

    /// The generation that is in force on the host, if that is known.
    fn current(&self) -> Option<&Generation> {
        None
    }

    /// The health checks that are tried from here, where they are known.
    fn checks(&self) -> Option<&[Check]> {
        None
    }

    /// What is told of a host that was asked for its plan.
    fn told(_host: &str, _planned: &Result<Self, Problem>) -> Option<EventKind> {
        None
    }
}
