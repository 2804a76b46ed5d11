//! `nixfleet status`.

use nixfleet_activate::report::Outcome;

use super::{Context, targets};
use crate::args::StatusArgs;
use crate::document::HostResult;
use crate::exit::Exit;
use crate::orchestrate::each;
use crate::{remote, render};

/// Shows how the hosts stand. Changes nothing.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &StatusArgs, context: &Context) -> anyhow::Result<Exit> {
    let (_, hosts) = targets::select(&args.targets.flake, &args.targets.selection, context).await?;
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let sessions = targets::sessions(hosts, args.targets.connect_timeout)?;
    let found = each(sessions, args.targets.parallel, &context.interrupt, |session| {
        let progress = context.progress.clone();
        async move {
            let name = &session.host().name;
            progress.doing(name, "looking");
            let status = remote::status(&session).await;
            progress.done(name, None);
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
    if context.output.json {
        return context.finish(results);
    }
    Ok(Exit::of(&results, context.interrupt.is_wanted()))
}
