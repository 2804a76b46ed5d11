//! `nixfleet status`.

use std::time::Instant;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::{Outcome, Status};

use nixfleet_operator::operation::context::milliseconds;

use super::{Context, targets};
use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::event::{EventKind, HostEnd, Phase};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::host_result::outcome_of;
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::remote;
use nixfleet_operator::rollout::{reason, reason_at, today};

/// Shows how the hosts stand. Changes nothing.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &StatusArgs, context: &Context) -> anyhow::Result<Exit> {
    let (_, hosts) =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let sessions = args.targets.connections().sessions(hosts)?;
    let found = each(sessions.clone(), args.targets.at_once(), &context.operation.interrupt, |session| {
        let events = context.operation.events.clone();
        async move {
            let name = &session.host().name;
            events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Looking });
            let (began, status) = (Instant::now(), remote::status(&session).await);
            events.say(EventKind::HostEnded(ended(name, &status, began)));
            status
        }
    });
    let today = today();
    let found = sessions.iter().zip(found.await?);
    let results: Vec<HostResult> =
        found.map(|(session, found)| result(session.host(), found, &today)).collect();
    context.show(&render::statuses(&results, context.output.verbose()));
    context.show(&render::tally_of_statuses(&results, context.began.elapsed()));
    if context.output.is_for_programs() {
        return context.finish(results, None);
    }
    Ok(context.exit(&results))
}

/// What was found of a host, beside what the inventory says of it.
fn result(host: &Host, found: Option<Result<Option<Status>, Problem>>, today: &str) -> HostResult {
    let at = |status: &Option<Status>| Some(status.as_ref()?.current.as_ref()?.number);
    let name = host.name.as_str();
    match found {
        Some(Ok(status)) => HostResult {
            reason: reason_at(host, at(&status), today),
            status,
            ..HostResult::new(name, Outcome::Ok)
        },
        Some(Err(problem)) => HostResult { reason: reason(host, today), ..HostResult::failed(name, problem) },
        None => HostResult::new(name, Outcome::Skipped),
    }
}

fn ended(host: &str, status: &Result<Option<Status>, Problem>, began: Instant) -> HostEnd {
    let problem = status.as_ref().err().cloned();
    let current = || status.as_ref().ok()?.as_ref()?.current.clone();
    HostEnd {
        host: host.to_owned(),
        outcome: problem.as_ref().map_or(Outcome::Ok, outcome_of),
        reason_code: None,
        before: current(),
        after: current(),
        problem,
        exit_code: None,
        duration_ms: milliseconds(began),
    }
}
