//! Builds the closures of the selected hosts. Meanwhile, connections are opened, and each host is queried for
//! its plan as soon as its closure is built.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::outcome::Outcome;

use super::apply::Apply;
use super::context::Context;
use super::host_plan::{HostPlan, ask_as_built};
use super::planned_change::PlannedChange;
use crate::event::Stage;
use crate::host_result::HostResult;
use crate::nix::{Closure, ClosureSender, Nix};
use crate::orchestrate::each;
use crate::ssh::Session;
use crate::stop::Stop;

/// The maximum number of hosts to connect to during the build, as a multiple of the number of hosts that are
/// queried at once.
const WARM: usize = 4;

/// The closures by host name, and the plans of all hosts.
pub type Built = (BTreeMap<String, Closure>, Vec<HostPlan<PlannedChange<Closure>>>);

/// Builds the closures, and queries each host for its plan as soon as its closure is built. `sender` passes
/// the closures on to `apply`.
///
/// # Errors
/// Fails if the evaluation or a build fails. In that case some hosts may have made a plan, but no host has
/// changed, and no further host is queried.
pub async fn build_and_ask(
    nix: &Nix,
    sessions: Vec<Arc<Session>>,
    sender: ClosureSender,
    apply: &Arc<Apply>,
    context: &Context,
) -> Result<Built, Stop> {
    let parallel = apply.asking.parallel;
    let building = build(nix, &sessions, sender, parallel, context);
    let asking = ask_as_built(apply, sessions.clone(), apply.closures.clone(), parallel, context);
    tokio::try_join!(building, asking)
}

/// Builds the closures, and opens connections to hosts meanwhile.
async fn build(
    nix: &Nix,
    sessions: &[Arc<Session>],
    sender: ClosureSender,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<BTreeMap<String, Closure>, Stop> {
    if sessions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let hosts: Vec<_> = sessions.iter().map(|session| session.host().clone()).collect();
    // Failed connections are ignored here: each is reported when its host is queried for a plan. In a large
    // fleet, only the hosts that will be queried soon are connected early.
    let soon = parallel.get().saturating_mul(WARM);
    let connecting = tokio::spawn({
        let (sessions, interrupt) =
            (sessions.iter().take(soon).cloned().collect(), context.interrupt.clone());
        async move {
            let connect = |session: Arc<Session>| async move { session.connect().await.is_ok() };
            each(sessions, parallel, &interrupt, connect).await
        }
    });
    let built = context.stage(Stage::Build, Box::pin(nix.build(&hosts, &sender, &context.events))).await;
    let built = built.inspect_err(|_| connecting.abort())?;
    if built.failed.is_empty() {
        return Ok(built.closures);
    }
    connecting.abort();
    let result = |host: &Host| match built.failed.get(&host.name) {
        Some(problem) => HostResult::failed(&host.name, problem.clone()),
        None => HostResult::new(&host.name, Outcome::Skipped),
    };
    Err(Stop::Hosts(hosts.iter().map(result).collect()))
}
