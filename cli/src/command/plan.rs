//! `nixfleet plan`.

use super::host_plan::HostPlan;
use super::{Context, planning, targets};
use crate::args::PlanArgs;
use crate::document::HostResult;
use crate::exit::Exit;
use crate::render;
use crate::saved::SavedPlan;

/// Shows what would change. Changes nothing.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &PlanArgs, context: &Context) -> anyhow::Result<Exit> {
    let (nix, hosts) = targets::select(&args.targets.flake, &args.targets.selection, context).await?;
    let sessions = targets::sessions(hosts, args.targets.connect_timeout)?;
    let closures = match planning::build(&nix, &sessions, args.targets.parallel, context).await? {
        Ok(closures) => closures,
        Err(results) => return context.refuse(results, Exit::Refused),
    };
    let plans = planning::ask(sessions, &closures, &args.force, args.targets.parallel, context).await?;
    show(&plans, context);
    show_without(&plans, context);
    let results: Vec<HostResult> = plans.iter().map(HostPlan::result).collect();
    if let Some(file) = &args.out {
        SavedPlan::of(&plans)?.write(file)?;
    }
    let changes = plans.iter().any(HostPlan::is_to_change);
    if !changes && results.iter().all(|result| result.outcome.is_good()) {
        context.show("Nothing to change.\n");
    }
    match context.finish(results)? {
        Exit::Good if args.exit_code && changes => Ok(Exit::Changes),
        exit => Ok(exit),
    }
}

/// Shows every plan.
pub fn show(plans: &[HostPlan], context: &Context) {
    let shown: Vec<_> = plans.iter().filter_map(HostPlan::plan).collect();
    context.show(&render::plans(&shown, context.output.verbose));
}

/// Shows why some hosts have no plan.
pub fn show_without(plans: &[HostPlan], context: &Context) {
    let without: Vec<HostResult> =
        plans.iter().filter(|plan| plan.plan().is_none()).map(HostPlan::result).collect();
    if !without.is_empty() {
        context.show(&format!("{}\n", render::results(&without)));
    }
}
