//! `nixfleet backups drop`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nixfleet_contract::backup::Backup;
use nixfleet_contract::outcome::Outcome;

use super::choice::{Choice, Chosen, Paths};
use super::list::{self, Said};
use crate::args::BackupsDropArgs;
use crate::command::{Context, confirm, gc, targets};
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::event::{EventKind, Phase};
use nixfleet_operator::host_result::{BackupsView, HostResult};
use nixfleet_operator::inventory::Natural;
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::remote;
use nixfleet_operator::ssh::Session;

/// Drops backups from hosts, after it has shown which.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &BackupsDropArgs, context: &Context) -> anyhow::Result<Exit> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let choice = Choice {
        paths: Paths::of(&args.path)?,
        older_than: args.older_than,
        all: args.all,
        originals: args.original.iter().cloned().collect(),
    };
    let (_, hosts) =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let (hosts, mut results) = gc::resting(hosts);
    let sessions = args.targets.connections().sessions(hosts)?;
    let said = list::ask(&sessions, args.targets.at_once(), context).await?;
    let planned: Vec<Planned> =
        sessions.into_iter().zip(said).map(|(session, said)| Planned::of(session, said, &choice)).collect();

    let shown: Vec<HostResult> = planned.iter().map(|planned| planned.result.clone()).collect();
    context.show(&render::drops(&shown));
    let goes: Vec<&Backup> = planned.iter().flat_map(|planned| &planned.drop).collect();
    if args.dry_run || goes.is_empty() {
        results.extend(shown);
        results.sort_by_cached_key(|result| Natural::of(&result.host));
        for result in &results {
            context.operation.events.say(EventKind::HostEnded(result.end(Duration::ZERO)));
        }
        return context.finish(results, None);
    }
    let hosts = planned.iter().filter(|planned| !planned.drop.is_empty()).count();
    if !args.yes && !confirm::ask(question(&goes, hosts)).await? {
        context.operation.events.say(EventKind::Declined);
        render::err("nothing was changed");
        return Ok(Exit::Refused);
    }
    context.operation.interrupt.hosts_are_changing();
    results.extend(carry_out(planned, args, context).await?);
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    context.show(&render::dropped(&results));
    context.finish(results, None)
}

/// A host, and what is to go from it.
struct Planned {
    session: Arc<Session>,
    drop: Vec<Backup>,
    /// What is known of it before anything is dropped.
    result: HostResult,
}

impl Planned {
    fn of(session: Arc<Session>, said: Said, choice: &Choice) -> Self {
        let (chosen, problem) = match &said {
            Some(Ok(Some(backups))) => (choice.among(backups), backups.problem.clone()),
            _ => (Chosen::default(), None),
        };
        let name = &session.host().name;
        let mut result = list::result(name, said, |backup| chosen.drop.contains(backup));
        if let Some(view) = &mut result.backups {
            view.spared.clone_from(&chosen.spared);
            result.outcome = if chosen.drop.is_empty() { Outcome::Unchanged } else { Outcome::Ok };
        }
        match problem {
            Some(problem) => {
                let result = HostResult { backups: result.backups, ..HostResult::failed(name, problem) };
                Self { session, drop: Vec::new(), result }
            }
            None => Self { session, drop: chosen.drop, result },
        }
    }
}

fn question(goes: &[&Backup], hosts: usize) -> String {
    let bytes = goes.iter().fold(0_u64, |bytes, backup| bytes.saturating_add(backup.size));
    let noun = if goes.len() == 1 { "backup" } else { "backups" };
    format!(
        "Drop {} {noun}, {}, on {}?",
        goes.len(),
        render::size(bytes),
        nixfleet_operator::text::hosts(hosts)
    )
}

async fn carry_out(
    planned: Vec<Planned>,
    args: &BackupsDropArgs,
    context: &Context,
) -> anyhow::Result<Vec<HostResult>> {
    let before: Vec<HostResult> = planned.iter().map(|planned| planned.result.clone()).collect();
    let done = each(planned, args.targets.at_once(), &context.operation.interrupt, |planned| {
        let events = context.operation.events.clone();
        async move {
            let Planned { session, drop, mut result } = planned;
            let began = Instant::now();
            if !drop.is_empty() {
                let name = session.host().name.clone();
                events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Cleaning });
                let view = result.backups.take().unwrap_or_default();
                result = match remote::drop_backups(&session, drop).await {
                    Err(problem) => HostResult { backups: Some(view), ..HostResult::failed(name, problem) },
                    Ok(report) => HostResult {
                        problem: report.problem.clone(),
                        backups: Some(Box::new(BackupsView { report: Some(report.clone()), ..*view })),
                        ..HostResult::new(name, report.outcome)
                    },
                };
            }
            events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        }
    });
    let untouched = |before: HostResult| HostResult { outcome: Outcome::Skipped, ..before };
    let done = done.await?.into_iter().zip(before);
    Ok(done.map(|(done, before)| done.unwrap_or_else(|| untouched(before))).collect())
}
