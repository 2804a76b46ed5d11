//! `nixfleet apply`.

use nixfleet_activate::report::Outcome;

use super::change::Manner;
use super::host_plan::HostPlan;
use super::{Context, change, confirm, plan, planning, targets};
use crate::args::{ApplyArgs, PlanArgs};
use crate::document::HostResult;
use crate::exit::Exit;
use crate::saved::SavedPlan;

/// Plans, asks, and brings the hosts to what the flake describes.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &ApplyArgs, context: &Context) -> anyhow::Result<Exit> {
    if args.dry_run {
        let (targets, force) = (args.targets.clone(), args.force.clone());
        let args = PlanArgs { targets, force, exit_code: false, out: None };
        return plan::execute(&args, context).await;
    }
    confirm::check(args.yes, context)?;
    match planned(args, context).await? {
        Ok(plans) => {
            let (parallel, window) = (args.targets.parallel, args.window);
            let (force, substitute) = (&args.force.force, args.substitute_on_destination);
            let manner = Manner { yes: args.yes, parallel, window, force, substitute };
            change::execute(plans, "Apply to", manner, context).await
        }
        Err((results, exit)) => context.refuse(results, exit),
    }
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
            Ok(closures) => Ok(planning::ask(sessions, &closures, &args.force, parallel, context).await?),
            Err(results) => Err((results, Exit::Refused)),
        });
    };
    let saved = SavedPlan::read(file)?;
    let sessions = targets::sessions(saved.hosts(), timeout)?;
    let plans = planning::ask(sessions, &saved.closures(), &args.force, parallel, context).await?;
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
