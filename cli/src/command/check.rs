//! `nixfleet check`.

use std::sync::Arc;
use std::time::Instant;

use nixfleet_contract::health::{Check, CheckResult, Probe};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Outcome;

use super::{Context, targets};
use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::errands::Errands;
use nixfleet_operator::event::{EventKind, Phase};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::fleet::Evaluated;
use nixfleet_operator::operation::post_change_checks;
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::ssh::Session;
use nixfleet_operator::{health, remote};

/// Tries the health checks of the generation in force on each host, and those that are tried from here.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &CheckArgs, context: &Context) -> anyhow::Result<Exit> {
    let (Evaluated { origin, .. }, hosts) =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let known = Arc::new(Errands::shown_here(&origin.flake));
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let sessions = args.targets.connections().sessions(hosts)?;
    let found = each(sessions, args.targets.at_once(), &context.operation.interrupt, |session| {
        let (known, events) = (Arc::clone(&known), context.operation.events.clone());
        async move {
            let name = &session.host().name;
            events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Checking });
            let began = Instant::now();
            let result = match one(&session, &known).await {
                Ok(found) => HostResult::checked(name, found, Outcome::Ok),
                Err(problem) => HostResult::failed(name, problem),
            };
            events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        }
    });
    let results: Vec<HostResult> = names
        .into_iter()
        .zip(found.await?)
        .map(|(name, found)| found.unwrap_or_else(|| HostResult::new(name, Outcome::Skipped)))
        .collect();
    context.show(&render::health(&results, context.output.verbose()));
    context.finish(results, None)
}

async fn one(session: &Session, known: &Errands) -> Result<Vec<CheckResult>, Problem> {
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

/// Why checks are not tried that run a program here of which nobody has been told: the host says which closure is in force, and
/// may name any that is in the store of this machine.
fn unseen(host: &str, checks: &[Check], known: &Errands) -> Option<Problem> {
    let runs = |check: &&Check| matches!(check.probe, Probe::Command { .. });
    let new = checks.iter().filter(runs).filter(|check| !known.have(host, check));
    let names: Vec<&str> = new.map(|check| &*check.name).collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        Problem::new(Code::HealthCheck, format!("health checks that run a program here are new on this machine: {names}"))
            .at(host)
            .because("nothing of this flake was applied from here since they are what they are")
            .help(format!(
                "see what they run: nixfleet plan --host {host}; where that is right: nixfleet apply --yes --host {host}"
            ))
    })
}
