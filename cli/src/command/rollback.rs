//! `nixfleet rollback`.

use std::sync::Arc;

use nixfleet_activate::plan::Generation;
use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::{Outcome, Status};

use super::apply::question;
use super::{Context, confirm, targets};
use crate::args::{Destination, RollbackArgs};
use crate::document::HostResult;
use crate::exit::Exit;
use crate::orchestrate::each;
use crate::ssh::Session;
use crate::{remote, render};

/// A host, and the generations it goes between.
struct Way {
    session: Arc<Session>,
    from: Generation,
    to: Generation,
}

/// Looks at the hosts, asks, and puts them back.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> anyhow::Result<Exit> {
    confirm::check(args.yes, context)?;
    let (_, hosts) = targets::select(&args.targets.flake, &args.targets.selection, context).await?;
    let sessions = targets::sessions(hosts, args.targets.connect_timeout)?;
    let parallel = args.targets.parallel;
    let to = args.to;
    let found = each(sessions.clone(), parallel, &context.interrupt, |session| async move {
        let status = remote::status(&session).await?;
        way(session, status, to)
    });
    let mut results = Vec::new();
    let mut ways = Vec::new();
    for (session, found) in sessions.iter().zip(found.await?) {
        let name = &session.host().name;
        match found {
            Some(Ok(way)) if way.from.number == way.to.number => {
                results.push(HostResult::new(name, Outcome::Unchanged));
            }
            Some(Ok(way)) => ways.push(way),
            Some(Err(problem)) => results.push(HostResult::failed(name, problem)),
            None => results.push(HostResult::new(name, Outcome::Skipped)),
        }
    }
    context.show(&shown(&ways));
    if !ways.is_empty() && !args.yes && !confirm::ask(question("Roll back", ways.len())).await? {
        render::err("nothing was changed");
        return Ok(Exit::Refused);
    }
    context.interrupt.hosts_are_changing();
    let names: Vec<String> = ways.iter().map(|way| way.session.host().name.clone()).collect();
    let done = each(ways, parallel, &context.interrupt, |way| {
        let progress = context.progress.clone();
        async move {
            let name = &way.session.host().name;
            progress.doing(name, "rolling back");
            let result = one(&way).await;
            progress.done(name, Some(result.outcome.as_str()));
            result
        }
    });
    let done = names.into_iter().zip(done.await?);
    results.extend(done.map(|(name, done)| done.unwrap_or_else(|| HostResult::new(name, Outcome::Skipped))));
    results.sort_by(|one, other| one.host.cmp(&other.host));
    context.show(&render::results(&results));
    context.finish(results)
}

async fn one(way: &Way) -> HostResult {
    let name = &way.session.host().name;
    match remote::rollback(&way.session, way.to.number).await {
        Ok(report) => HostResult {
            outcome: report.outcome,
            problem: report.problem.clone(),
            report: Some(report),
            ..HostResult::new(name, Outcome::Failed)
        },
        Err(problem) => HostResult::failed(name, problem),
    }
}

/// Where a host would go.
fn way(session: Arc<Session>, status: Option<Status>, to: Destination) -> Result<Way, Problem> {
    let name = session.host().name.clone();
    let Some((from, generations)) = status.and_then(|status| Some((status.current?, status.generations)))
    else {
        return Err(Problem::new(Code::NoGeneration, "the host is not managed yet")
            .at(&name)
            .help(format!("bring it under management: nixfleet apply --host {name}")));
    };
    let known = generations.into_iter().map(|info| info.generation);
    let target = match to {
        Destination::Previous => {
            known.filter(|each| each.number < from.number).max_by_key(|each| each.number)
        }
        Destination::Number(number) => known.into_iter().find(|each| each.number == number),
    };
    match target {
        Some(to) => Ok(Way { session, from, to }),
        None => Err(Problem::new(Code::NoGeneration, format!("the host has no generation `{to}`"))
            .at(&name)
            .because(format!("generation {} is in force", from.number))
            .help(format!("see which there are: nixfleet status --host {name} -v"))),
    }
}

fn shown(ways: &[Way]) -> String {
    if ways.is_empty() {
        return String::new();
    }
    let rows = ways.iter().map(|way| {
        vec![
            way.session.host().name.clone(),
            format!("{} → {}", way.from.number, way.to.number),
            render::clean(&way.to.closure),
        ]
    });
    format!("{}\n", render::table(&["host", "generation", "closure"], rows))
}
