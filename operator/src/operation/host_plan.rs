//! A host and its plan: what is shown to the user, and what is then carried out.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;

use super::context::Context;
use super::verb::{Operation, Planned};
use crate::host_result::HostResult;
use crate::orchestrate::each;
use crate::ssh::Session;
use crate::stop::Stop;

/// A host, and what is to be done on it.
pub struct HostPlan<P> {
    /// How to talk to it.
    pub session: Arc<Session>,
    /// What is to be done; nothing where the user interrupted before the host was asked.
    pub planned: Option<Result<P, Problem>>,
}

impl<P> HostPlan<P> {
    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.session.host().name
    }

    /// What is to be done, where that is known.
    #[must_use]
    pub fn known(&self) -> Option<&P> {
        self.planned.as_ref()?.as_ref().ok()
    }
}

impl<P: Planned> HostPlan<P> {
    /// How the host stands if it goes no further than this.
    #[must_use]
    pub fn result(&self) -> HostResult {
        match &self.planned {
            None => HostResult::new(self.name(), Outcome::Skipped),
            Some(Err(problem)) => HostResult::failed(self.name(), problem.clone()),
            Some(Ok(planned)) => planned.result(self.name()),
        }
    }

    /// Whether carrying it out would change something.
    pub fn is_to_change(&self) -> bool {
        self.known().is_some_and(Planned::is_to_change)
    }
}

/// Asks every host for its plan, so many at once.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its plan.
pub async fn ask<O: Operation>(
    operation: &Arc<O>,
    sessions: Vec<Arc<Session>>,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<Vec<HostPlan<O::Plan>>, Stop> {
    let planned = each(sessions.clone(), parallel, &context.interrupt, |session| {
        let (operation, events) = (Arc::clone(operation), context.events.clone());
        async move {
            let planned = operation.plan(&session, &events).await;
            if let Some(told) = O::Plan::told(&session.host().name, &planned) {
                events.say(told);
            }
            planned
        }
    });
    let planned = planned.await?;
    Ok(sessions.into_iter().zip(planned).map(|(session, planned)| HostPlan { session, planned }).collect())
}
