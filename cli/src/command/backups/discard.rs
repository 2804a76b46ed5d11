//! `nixfleet backups drop`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nixfleet_contract::backup::Backup;
use nixfleet_contract::report::Outcome;

use super::choice::{Choice, Chosen, Paths};
use super::list::{self, BackupsAnswer};
use crate::args::BackupsDropArgs;
use crate::command::{Context, confirm, gc, targets};
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::event::{Happening, Phase};
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
    let hosts =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?.hosts;
    let (hosts, mut results) = gc::resting(hosts);
    let sessions = targets::sessions(hosts, &args.targets)?;
    let answers = list::ask(&sessions, args.targets.at_once(), context).await?;
    let planned: Vec<PlannedDiscard> = sessions
        .into_iter()
        .zip(answers)
        .map(|(session, answer)| PlannedDiscard::of(session, answer, &choice))
        .collect();

    let shown: Vec<HostResult> = planned.iter().map(|planned| planned.result.clone()).collect();
    context.show(&render::drops(&shown));
    let goes: Vec<&Backup> = planned.iter().flat_map(|planned| &planned.drop).collect();
    if args.dry_run || goes.is_empty() {
        results.extend(shown);
        results.sort_by_cached_key(|result| Natural::of(&result.host));
        for result in &results {
            context.events.say(Happening::HostEnded(result.end(Duration::ZERO)));
        }
        return context.finish(results, None);
    }
    let hosts = planned.iter().filter(|planned| !planned.drop.is_empty()).count();
    if !args.yes && !confirm::ask(question(&goes, hosts)).await? {
        context.events.say(Happening::Declined);
        render::err("nothing was changed");
        return Ok(Exit::Refused);
    }
    context.interrupt.hosts_are_changing();
    results.extend(carry_out(planned, args, context).await?);
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    context.show(&render::dropped(&results));
    context.finish(results, None)
}

/// A host, and what is to go from it.
struct PlannedDiscard {
    session: Arc<Session>,
    drop: Vec<Backup>,
    /// What is known of it before anything is dropped.
    result: HostResult,
}

impl PlannedDiscard {
    fn of(session: Arc<Session>, answer: BackupsAnswer, choice: &Choice) -> Self {
        let (chosen, problem) = match &answer {
            Some(Ok(Some(backups))) => (choice.among(backups), backups.problem.clone()),
            _ => (Chosen::default(), None),
        };
        let name = &session.host().name;
        let mut result = list::result(name, answer, |backup| chosen.drop.contains(backup));
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
    planned: Vec<PlannedDiscard>,
    args: &BackupsDropArgs,
    context: &Context,
) -> anyhow::Result<Vec<HostResult>> {
    let before: Vec<HostResult> = planned.iter().map(|planned| planned.result.clone()).collect();
    let done = each(planned, args.targets.at_once(), &context.interrupt, |planned| {
        let events = context.events.clone();
        async move {
            let PlannedDiscard { session, drop, mut result } = planned;
            let began = Instant::now();
            if !drop.is_empty() {
                let name = session.host().name.clone();
                events.say(Happening::HostPhase { host: name.clone(), phase: Phase::Cleaning });
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
            events.say(Happening::HostEnded(result.end(began.elapsed())));
            result
        }
    });
    let untouched = |before: HostResult| HostResult { outcome: Outcome::Skipped, ..before };
    let done = done.await?.into_iter().zip(before);
    Ok(done.map(|(done, before)| done.unwrap_or_else(|| untouched(before))).collect())
}
