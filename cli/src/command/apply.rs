//! `nixfleet apply`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_activate::problem::Problem;
use nixfleet_activate::report::Outcome;

use super::planning::{self, HostPlan};
use super::{Context, confirm, plan, targets};
use crate::args::{ApplyArgs, PlanArgs};
use crate::document::HostResult;
use crate::exit::Exit;
use crate::nix::{self, Closure};
use crate::orchestrate::each;
use crate::remote;
use crate::render::{self, Progress};
use crate::saved::SavedPlan;
use crate::ssh::Session;

/// Plans, asks, and brings the hosts to what the flake describes.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &ApplyArgs, context: &Context) -> anyhow::Result<Exit> {
    if args.dry_run {
        let args = PlanArgs { targets: args.targets.clone(), exit_code: false, out: None };
        return plan::execute(&args, context).await;
    }
    confirm::check(args.yes, context)?;
    let plans = match planned(args, context).await? {
        Ok(plans) => plans,
        Err((results, exit)) => return context.refuse(results, exit),
    };
    plan::show(&plans, context);
    let changing = plans.iter().filter(|plan| plan.is_to_change()).count();
    if changing > 0 && !args.yes && !confirm::ask(question("Apply to", changing)).await? {
        render::err("nothing was changed");
        return Ok(Exit::Refused);
    }
    context.interrupt.hosts_are_changing();
    let results = change(plans, args.targets.parallel, context).await?;
    context.show(&render::results(&results));
    context.finish(results)
}

/// A question about so many hosts.
pub fn question(what: &str, hosts: usize) -> String {
    format!("{what} {hosts} {}?", if hosts == 1 { "host" } else { "hosts" })
}

/// What every host has to do with it that nothing is applied at all, and how the command ends.
type Refused = (Vec<HostResult>, Exit);

/// The plans to apply, or why nothing is applied at all.
async fn planned(args: &ApplyArgs, context: &Context) -> anyhow::Result<Result<Vec<HostPlan>, Refused>> {
    let (parallel, timeout) = (args.targets.parallel, args.targets.connect_timeout);
    let Some(file) = &args.plan else {
        let (nix, hosts) = targets::select(&args.targets.flake, &args.targets.selection, context).await?;
        let sessions = targets::sessions(hosts, timeout)?;
        return Ok(match planning::build(&nix, &sessions, parallel, context).await? {
            Ok(closures) => Ok(planning::ask(sessions, &closures, parallel, context).await?),
            Err(results) => Err((results, Exit::Refused)),
        });
    };
    let saved = SavedPlan::read(file)?;
    let sessions = targets::sessions(saved.hosts(), timeout)?;
    let plans = planning::ask(sessions, &saved.closures(), parallel, context).await?;
    let exact = |plan: &HostPlan| plan.plan().is_some_and(|now| saved.objection(plan.name(), now).is_none());
    if plans.iter().all(exact) {
        return Ok(Ok(plans));
    }
    let results: Vec<HostResult> = plans.iter().map(|plan| refused(plan, &saved)).collect();
    let exit = Exit::of(&results, context.interrupt.is_wanted());
    Ok(Err((results, exit)))
}

/// The result of a host of a saved plan that is not applied because something differs.
fn refused(plan: &HostPlan, saved: &SavedPlan) -> HostResult {
    let Some(now) = plan.plan() else { return plan.result() };
    match saved.objection(plan.name(), now) {
        Some(problem) => HostResult { plan: Some(now.clone()), ..HostResult::failed(plan.name(), problem) },
        None => HostResult::new(plan.name(), Outcome::Skipped),
    }
}

/// Copies and activates, on several hosts at once.
async fn change(
    plans: Vec<HostPlan>,
    parallel: NonZeroUsize,
    context: &Context,
) -> anyhow::Result<Vec<HostResult>> {
    let settled: Vec<HostResult> = plans.iter().map(HostPlan::result).collect();
    let applied = each(plans, parallel, &context.interrupt, |plan| {
        let progress = context.progress.clone();
        async move {
            if !plan.is_to_change() {
                return None;
            }
            let result = one(&plan, &progress).await;
            progress.done(plan.name(), Some(result.outcome.as_str()));
            Some(result)
        }
    });
    let applied = applied.await?;
    Ok(settled
        .into_iter()
        .zip(applied)
        .map(|(settled, applied)| match applied {
            Some(Some(result)) => result,
            None if settled.outcome == Outcome::Ok => HostResult { outcome: Outcome::Skipped, ..settled },
            Some(None) | None => settled,
        })
        .collect())
}

async fn one(host: &HostPlan, progress: &Progress) -> HostResult {
    let Some(Ok(planned)) = &host.planned else { return host.result() };
    let result = copy_and_activate(&host.session, &host.closure, planned, progress).await;
    let plan = Some(planned.plan.clone());
    match result {
        Ok(report) => HostResult {
            outcome: report.outcome,
            problem: report.problem.clone(),
            report: Some(report),
            plan,
            ..HostResult::new(host.name(), Outcome::Failed)
        },
        Err(problem) => HostResult { plan, ..HostResult::failed(host.name(), problem) },
    }
}

async fn copy_and_activate(
    session: &Arc<Session>,
    closure: &Closure,
    planned: &remote::Planned,
    progress: &Progress,
) -> Result<nixfleet_activate::report::Report, Problem> {
    let name = &session.host().name;
    progress.doing(name, "copying");
    nix::copy(session, closure, &planned.daemon).await?;
    progress.doing(name, "activating");
    remote::apply(session, closure, &planned.plan.fingerprint).await
}
