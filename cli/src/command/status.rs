//! `nixfleet status`.

use std::time::Instant;

use nixfleet_activate::problem::Problem;
use nixfleet_activate::report::{Outcome, Status};

use super::{Context, milliseconds, targets};
use crate::args::StatusArgs;
use crate::document::HostResult;
use crate::event::{Happening, HostEnd, Phase};
use crate::exit::{Exit, outcome_of};
use crate::orchestrate::each;
use crate::{remote, render};

/// Shows how the hosts stand. Changes nothing.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &StatusArgs, context: &Context) -> anyhow::Result<Exit> {
    let hosts = targets::select(&args.targets.flake, &args.targets.selection, context).await?.hosts;
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let sessions = targets::sessions(hosts, &args.targets)?;
    let found = each(sessions, args.targets.at_once(), &context.interrupt, |session| {
        let events = context.events.clone();
        async move {
            let name = &session.host().name;
            events.say(Happening::HostPhase { host: name.clone(), phase: Phase::Looking });
            let (began, status) = (Instant::now(), remote::status(&session).await);
            events.say(Happening::HostEnded(ended(name, &status, began)));
            status
        }
    });
    let results: Vec<HostResult> = names
        .into_iter()
        .zip(found.await?)
        .map(|(name, found)| match found {
            Some(Ok(status)) => HostResult { status, ..HostResult::new(name, Outcome::Ok) },
            Some(Err(problem)) => HostResult::failed(name, problem),
            None => HostResult::new(name, Outcome::Skipped),
        })
        .collect();
    context.show(&render::statuses(&results, context.output.verbose));
    if context.output.is_for_programs() {
        return context.finish(results, None);
    }
    Ok(Exit::of(&results, context.interrupt.is_wanted()))
}

fn ended(host: &str, status: &Result<Option<Status>, Problem>, began: Instant) -> HostEnd {
    let problem = status.as_ref().err().cloned();
    let current = || status.as_ref().ok()?.as_ref()?.current.clone();
    HostEnd {
        host: host.to_owned(),
        outcome: problem.as_ref().map_or(Outcome::Ok, outcome_of),
        before: current(),
        after: current(),
        problem,
        exit_code: None,
        duration_ms: milliseconds(began),
    }
}
