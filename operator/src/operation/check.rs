//! Check: tries the health checks of hosts in their current state.

use std::sync::Arc;
use std::time::Instant;

use nixfleet_contract::health::{Check, CheckResult, Probe};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};

use super::context::Context;
use super::post_change_checks;
use super::targets::Targets;
use crate::errands::Errands;
use crate::event::{EventKind, Phase};
use crate::host_result::HostResult;
use crate::orchestrate::each;
use crate::ssh::Session;
use crate::stop::Stop;
use crate::{health, remote};

/// Tries the health checks of each host's current generation: the checks that run on the host, and the checks
/// that run on the operator's machine. Changes nothing.
///
/// # Errors
/// Fails if the fleet cannot be evaluated.
pub async fn check(targets: &Targets, context: &Context) -> Result<Vec<HostResult>, Stop> {
    let (evaluated, sessions) = targets.connect(context).await?;
    let known = Arc::new(Errands::shown_here(&evaluated.origin.flake));
    let found = each(sessions.clone(), targets.at_once(), &context.interrupt, |session| {
        let (known, events) = (Arc::clone(&known), context.events.clone());
        async move {
            let name = &session.host().name;
            events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Checking });
            let began = Instant::now();
            let result = match health_checks(&session, &known).await {
                Ok(found) => HostResult::checked(name, found, Outcome::Ok),
                Err(problem) => HostResult::failed(name, problem),
            };
            events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        }
    });
    let skipped = |session: &Arc<Session>| HostResult::new(&session.host().name, Outcome::Skipped);
    let found = sessions.iter().zip(found.await?);
    Ok(found.map(|(session, found)| found.unwrap_or_else(|| skipped(session))).collect())
}

/// Tries the health checks of the current generation of a host. `known`: the health checks that may run on
/// this machine.
///
/// # Errors
/// Fails if the host does not answer, or if health checks that run on this machine are unknown or were not
/// shown to the user.
pub(super) async fn health_checks(session: &Session, known: &Errands) -> Result<Vec<CheckResult>, Problem> {
    let checked = remote::health(session).await?;
    let mut found = checked.results;
    if checked.elsewhere.is_empty() {
        return Ok(found);
    }
    let checks = health::of_closure(&checked.generation.closure)
        .ok_or_else(|| post_change_checks::unknown(session, &checked.elsewhere))?;
    if let Some(problem) = unseen(&session.host().name, &checks, known) {
        return Err(problem);
    }
    found.extend(health::attempt(session, &checks).await);
    Ok(found)
}

/// Returns a problem if health checks would run programs on this machine, and the user has not been shown
/// these health checks. Such checks are not tried, because the host itself reports its current closure, and a
/// malicious host could name any closure in the store of this machine.
fn unseen(host: &str, checks: &[Check], known: &Errands) -> Option<Problem> {
    let runs = |check: &&Check| matches!(check.probe, Probe::Command { .. });
    let new = checks.iter().filter(runs).filter(|check| !known.have(host, check));
    let names: Vec<&str> = new.map(|check| &*check.name).collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        Problem::new(
            Code::HealthCheck,
            format!("new or changed health checks would run programs on this machine: {names}"),
        )
        .at(host)
        .because(
            "since the health checks were added or changed, this flake has not been applied from this \
             machine",
        )
        .help(format!(
            "show what the checks run: nixfleet plan --host {host}; if you trust the checks, run: nixfleet \
             apply --yes --host {host}"
        ))
    })
}
