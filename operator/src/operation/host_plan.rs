//! A host and its plan, which is first shown to the user and then carried out.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use tokio::sync::mpsc::unbounded_channel;

use super::context::Context;
use super::verb::{Operation, Planned};
use crate::host_result::HostResult;
use crate::nix::ClosureReceiver;
use crate::orchestrate::{each, each_as_ready};
use crate::ssh::Session;
use crate::stop::Stop;

/// The future of a query to a host for its plan.
type Planning<P> = Pin<Box<dyn Future<Output = Result<P, Problem>> + Send>>;

/// A host, and its planned change.
pub struct HostPlan<P> {
    /// The session with the host.
    pub session: Arc<Session>,
    /// The planned change, or the problem because of which there is no plan. `None` if the host was not
    /// queried.
    pub planned: Option<Result<P, Problem>>,
}

impl<P> HostPlan<P> {
    /// Returns the name of the host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.session.host().name
    }

    /// Returns the planned change, if there is one.
    #[must_use]
    pub fn known(&self) -> Option<&P> {
        self.planned.as_ref()?.as_ref().ok()
    }
}

impl<P: Planned> HostPlan<P> {
    /// Returns the result that the host has if the plan is not carried out.
    #[must_use]
    pub fn result(&self) -> HostResult {
        match &self.planned {
            None => HostResult::new(self.name(), Outcome::Skipped),
            Some(Err(problem)) => HostResult::failed(self.name(), problem.clone()),
            Some(Ok(planned)) => planned.result(self.name()),
        }
    }

    /// Whether carrying out the plan would change the host.
    pub fn is_to_change(&self) -> bool {
        self.known().is_some_and(Planned::is_to_change)
    }
}

/// Queries every host for its plan, at most `parallel` hosts at once.
///
/// # Errors
/// Fails only because of a bug. The failure of a single host is not an error, but is part of that host's
/// [`HostPlan`].
pub async fn ask<O: Operation>(
    operation: &Arc<O>,
    sessions: Vec<Arc<Session>>,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<Vec<HostPlan<O::Plan>>, Stop> {
    let planned = each(sessions.clone(), parallel, &context.interrupt, query(operation, context)).await?;
    Ok(plans(sessions, planned))
}

/// Queries each host for its plan as soon as the closure of the host is built. A host that waits for its
/// closure does not count towards `parallel`.
///
/// # Errors
/// As for [`ask`].
pub async fn ask_as_built<O: Operation>(
    operation: &Arc<O>,
    sessions: Vec<Arc<Session>>,
    mut closures: ClosureReceiver,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<Vec<HostPlan<O::Plan>>, Stop> {
    let mut waiting: Vec<(usize, Arc<Session>)> = sessions.iter().cloned().enumerate().collect();
    let (sender, ready) = unbounded_channel();
    let receive = async {
        loop {
            let built = closures.built(&mut waiting, |(_, session)| &session.host().name).await;
            if built.is_empty() {
                drop(sender);
                return;
            }
            // Sending fails if no further host is queried, because the receiver is then gone. The error is
            // ignored.
            for host in built {
                drop(sender.send(host));
            }
        }
    };
    let query = query(operation, context);
    let asking = each_as_ready(sessions.len(), ready, parallel, &context.interrupt, query);
    let (planned, ()) = tokio::join!(asking, receive);
    Ok(plans(sessions, planned?))
}

/// Returns a function that queries a host for its plan, and reports the result.
fn query<O: Operation>(operation: &Arc<O>, context: &Context) -> impl Fn(Arc<Session>) -> Planning<O::Plan> {
    let (operation, events) = (Arc::clone(operation), context.events.clone());
    move |session| {
        let (operation, events) = (Arc::clone(&operation), events.clone());
        Box::pin(async move {
            let planned = operation.plan(&session, &events).await;
            if let Some(told) = O::Plan::told(&session.host().name, &planned) {
                events.say(told);
            }
            planned
        })
    }
}

fn plans<P>(sessions: Vec<Arc<Session>>, planned: Vec<Option<Result<P, Problem>>>) -> Vec<HostPlan<P>> {
    sessions.into_iter().zip(planned).map(|(session, planned)| HostPlan { session, planned }).collect()
}
