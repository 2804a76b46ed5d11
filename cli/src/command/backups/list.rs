//! `nixfleet backups list`, and the question it shares with `drop`.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use nixfleet_contract::backup::Backups;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;

use super::choice::Paths;
use crate::args::BackupsListArgs;
use crate::command::{Context, targets};
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::event::{EventKind, Phase};
use nixfleet_operator::host_result::{BackupsView, HostResult};
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::remote;
use nixfleet_operator::ssh::Session;

/// What a host says of its backups: nothing where it was not asked, and no list where it is not managed.
pub type Said = Option<Result<Option<Backups>, Problem>>;

/// Lists the backups of the hosts.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &BackupsListArgs, context: &Context) -> anyhow::Result<Exit> {
    let paths = Paths::of(&args.path)?;
    let (_, hosts) =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let sessions = args.targets.connections().sessions(hosts)?;
    let began = Instant::now();
    let said = ask(&sessions, args.targets.at_once(), context).await?;
    let results: Vec<HostResult> = sessions
        .iter()
        .zip(said)
        .map(|(session, said)| {
            let result =
                result(&session.host().name, said, |backup| paths.is_empty() || paths.mean(&backup.path));
            context.operation.events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        })
        .collect();
    context.show(&render::backups(&results));
    context.finish(results, None)
}

/// Asks each host for its backups.
///
/// # Errors
/// Only a bug.
pub async fn ask(
    sessions: &[Arc<Session>],
    parallel: NonZeroUsize,
    context: &Context,
) -> anyhow::Result<Vec<Said>> {
    let said = each(sessions.to_vec(), parallel, &context.operation.interrupt, |session| {
        let events = context.operation.events.clone();
        async move {
            let host = session.host().name.clone();
            events.say(EventKind::HostPhase { host, phase: Phase::Looking });
            remote::backups(&session).await
        }
    });
    said.await
}

/// The backups of a host that are meant.
pub fn result(
    name: &str,
    said: Said,
    is_meant: impl Fn(&nixfleet_contract::backup::Backup) -> bool,
) -> HostResult {
    match said {
        None => HostResult::new(name, Outcome::Skipped),
        Some(Err(problem)) => HostResult::failed(name, problem),
        Some(Ok(None)) => {
            let reason = Some("not managed yet".to_owned());
            HostResult { reason, ..HostResult::new(name, Outcome::Unchanged) }
        }
        Some(Ok(Some(mut list))) => {
            list.backups.retain(is_meant);
            let view = BackupsView { list: list.backups, disk: list.disk, ..BackupsView::default() };
            HostResult { backups: Some(Box::new(view)), ..HostResult::new(name, Outcome::Ok) }
        }
    }
}
