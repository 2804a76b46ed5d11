//! Builds the closures of the selected hosts and asks each host what would change. `plan` ends here, `apply` goes on.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_activate::plan::Plan;
use nixfleet_activate::problem::Problem;
use nixfleet_activate::report::Outcome;

use super::Context;
use crate::contents;
use crate::document::HostResult;
use crate::nix::{Closure, Nix};
use crate::orchestrate::each;
use crate::remote::{self, Activators, Planned, Wanted};
use crate::ssh::Session;

/// A host, what it should become, and what that would change.
pub struct HostPlan {
    /// How to talk to it.
    pub session: Arc<Session>,
    /// What it should become.
    pub closure: Closure,
    /// What that would change; nothing where the user interrupted before the host was asked.
    pub planned: Option<Result<Planned, Problem>>,
}

impl HostPlan {
    /// The host's name.
    pub fn name(&self) -> &str {
        &self.session.host().name
    }

    /// The plan, where there is one.
    pub fn plan(&self) -> Option<&Plan> {
        self.planned.as_ref()?.as_ref().ok().map(|planned| &planned.plan)
    }

    /// How the host stands if it goes no further than this.
    pub fn result(&self) -> HostResult {
        let mut result = match &self.planned {
            None => HostResult::new(self.name(), Outcome::Skipped),
            Some(Err(problem)) => HostResult::failed(self.name(), problem.clone()),
            Some(Ok(Planned { plan, .. })) => match plan.problems.first() {
                Some(problem) => HostResult {
                    outcome: Outcome::Blocked,
                    ..HostResult::failed(self.name(), problem.clone())
                },
                None if plan.steps.is_empty() => HostResult::new(self.name(), Outcome::Unchanged),
                None => HostResult::new(self.name(), Outcome::Ok),
            },
        };
        result.plan = self.plan().cloned();
        result
    }

    /// Whether an apply would do something here.
    pub fn is_to_change(&self) -> bool {
        self.plan().is_some_and(|plan| plan.problems.is_empty() && !plan.steps.is_empty())
    }
}

/// Builds, while the connections are being opened.
///
/// # Errors
/// The evaluation fails, or a build that belongs to no host. Failed builds of hosts are in the inner error: then no
/// host is asked or touched.
pub async fn build(
    nix: &Nix,
    sessions: &[Arc<Session>],
    parallel: NonZeroUsize,
    context: &Context,
) -> anyhow::Result<Result<BTreeMap<String, Closure>, Vec<HostResult>>> {
    let hosts: Vec<_> = sessions.iter().map(|session| session.host().clone()).collect();
    context.progress.doing("", "building");
    // What is wrong with a connection is told when the host is asked for its plan.
    let connecting = tokio::spawn({
        let (sessions, interrupt) = (sessions.to_vec(), context.interrupt.clone());
        async move {
            let connect = |session: Arc<Session>| async move { session.connect().await.is_ok() };
            each(sessions, parallel, &interrupt, connect).await
        }
    });
    let built = nix.build(&hosts).await;
    context.progress.done("", None);
    let built = built.inspect_err(|_| connecting.abort())?;
    if built.failed.is_empty() {
        return Ok(Ok(built.closures));
    }
    connecting.abort();
    let result = |host: &nixfleet_activate::fleet::Host| match built.failed.get(&host.name) {
        Some(problem) => HostResult::failed(&host.name, problem.clone()),
        None => HostResult::new(&host.name, Outcome::Skipped),
    };
    Ok(Err(hosts.iter().map(result).collect()))
}

/// Asks every host for its plan.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its plan.
pub async fn ask(
    sessions: Vec<Arc<Session>>,
    closures: &BTreeMap<String, Closure>,
    parallel: NonZeroUsize,
    context: &Context,
) -> anyhow::Result<Vec<HostPlan>> {
    let activators = Arc::new(Activators::default());
    let targets: Vec<(Arc<Session>, Closure)> = sessions
        .into_iter()
        .filter_map(|session| {
            let closure = closures.get(&session.host().name)?.clone();
            Some((session, closure))
        })
        .collect();
    let planned = each(targets.clone(), parallel, &context.interrupt, |(session, closure)| {
        let (activators, progress) = (Arc::clone(&activators), context.progress.clone());
        async move {
            let name = &session.host().name;
            progress.doing(name, "planning");
            let planned = one(&session, closure, &activators).await;
            progress.done(name, None);
            planned
        }
    });
    let planned = planned.await?;
    let plans = targets.into_iter().zip(planned);
    Ok(plans.map(|((session, closure), planned)| HostPlan { session, closure, planned }).collect())
}

async fn one(session: &Session, closure: Closure, activators: &Activators) -> Result<Planned, Problem> {
    let wanted = Wanted::read(closure)?;
    let mut planned = remote::plan(session, &wanted, activators).await?;
    contents::fill_in(&mut planned.plan, &wanted);
    Ok(planned)
}
