//! Status: reports the current state of hosts.

use std::time::Instant;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::status::Status;

use super::context::{Context, milliseconds};
use super::targets::Targets;
use crate::event::{EventKind, HostEnd, Phase};
use crate::host_result::{HostResult, outcome_of};
use crate::orchestrate::each;
use crate::remote;
use crate::rollout::{reason, reason_at, today};
use crate::stop::Stop;

/// Queries hosts for their status. Changes nothing.
///
/// # Errors
/// Fails if the fleet cannot be evaluated.
pub async fn status(targets: &Targets, context: &Context) -> Result<Vec<HostResult>, Stop> {
    let (_, sessions) = targets.connect(context).await?;
    let found = each(sessions.clone(), targets.at_once(), &context.interrupt, |session| {
        let events = context.events.clone();
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
    Ok(found.map(|(session, found)| result(session.host(), found, &today)).collect())
}

/// Returns the result of a host, including why an apply would exclude the host, if it would.
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
