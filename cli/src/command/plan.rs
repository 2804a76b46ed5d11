//! `nixfleet plan`.

use std::collections::BTreeSet;

use super::{Context, targets};
use crate::args::PlanArgs;
use crate::exit::Exit;
use crate::render::{self, Totals};
use nixfleet_operator::errands::Errands;
use nixfleet_operator::event::ExcludedHost;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::change;
use nixfleet_operator::operation::fleet::{Evaluated, Participants};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::operation::planning;
use nixfleet_operator::operation::planning::Asking;
use nixfleet_operator::operation::rollout_view::RolloutView;
use nixfleet_operator::operation::saved_plan::SavedPlan;
use nixfleet_operator::plan_text::PlanText;
use nixfleet_operator::rollout::{Outline, RolloutOrigin};
use nixfleet_operator::state::StateDir;

/// Shows what would change, and in which waves. Changes nothing.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &PlanArgs, context: &Context) -> anyhow::Result<Exit> {
    args.planning.check(context.output, args.out.is_some())?;
    let (Evaluated { origin, nix, fleet }, selected) =
        targets::select_to_build(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let policy = |policy| args.rollout.of(policy);
    let Participants { hosts, excluded, outline } =
        Participants::of(&fleet, selected, policy, args.targets.parallel, &context.operation)?;
    let (sessions, parallel) = (args.targets.connections().sessions(hosts)?, args.targets.at_once());
    let asking =
        Asking { force: &args.force.force, options: args.planning.options(), parallel, trying: None };
    let plans = match planning::prepare(&nix, sessions, asking, &context.operation).await? {
        Ok((_, plans)) => plans,
        Err(results) => return context.refuse(results, Exit::Refused),
    };
    let totals = show(&plans, context)?;
    show_waves(&outline, &plans, &excluded, context);
    show_without(&plans, context);
    let new_errands = show_errands(&change::errands(&origin, &plans), &origin, context);
    let results = change::results(&plans, &excluded);
    if let Some(file) = &args.out {
        SavedPlan::of(&plans, origin, outline.clone())?.write(file)?;
    }
    show_totals(totals, context);
    let changes = plans.iter().any(HostPlan::is_to_change);
    if !changes && Exit::of(&results, false, false) == Exit::Good {
        context.show("Nothing to change.\n");
    }
    let (policy, waves) = (outline.policy, outline.waves);
    let view = RolloutView { id: None, policy, waves, end: None, reason: None, new_errands };
    match context.finish(results, Some(view))? {
        Exit::Good if args.exit_code && changes => Ok(Exit::Changes),
        exit => Ok(exit),
    }
}

/// Shows every plan.
///
/// # Errors
/// Only a bug.
pub fn show(plans: &[HostPlan], context: &Context) -> anyhow::Result<Totals> {
    if context.output.is_for_programs() {
        return Ok(Totals::default());
    }
    let shown: Vec<&PlanText> = plans.iter().filter_map(HostPlan::plan).collect();
    let read = |place: usize| shown[place].read();
    Ok(render::plans(shown.len(), read, context.output.verbose(), |text| context.show(text))?)
}

/// Shows and returns what of that is new on this machine.
pub fn show_errands(errands: &Errands, origin: &RolloutOrigin, context: &Context) -> Vec<String> {
    match StateDir::find().and_then(|state| errands.new_here(&state, &origin.flake)) {
        Ok(new) => {
            context.show(&render::errands(&new));
            new
        }
        // All of it may be new.
        Err(problem) => {
            context.operation.warn(None, &format!("what is new on this machine is not known: {problem}"));
            context.show(&render::errands(&errands.all()));
            errands.all()
        }
    }
}

/// Shows what all plans come to, if they come to something.
pub fn show_totals(totals: Totals, context: &Context) {
    if !totals.is_empty() {
        context.show(&format!("To change: {totals}\n"));
    }
}

/// Shows the waves, where there is more to say than that all hosts are in one.
pub fn show_waves(outline: &Outline, plans: &[HostPlan], excluded: &[ExcludedHost], context: &Context) {
    let to_change: BTreeSet<&str> =
        plans.iter().filter(|plan| plan.is_to_change()).map(HostPlan::name).collect();
    context.show(&render::waves(outline, &to_change, excluded));
}

/// Shows why some hosts have no plan.
pub fn show_without(plans: &[HostPlan], context: &Context) {
    let without: Vec<HostResult> = plans
        .iter()
        .filter(|plan| plan.planned.is_some() && plan.plan().is_none())
        .map(HostPlan::result)
        .collect();
    if !without.is_empty() {
        context.show(&format!("{}\n", render::results(&without)));
    }
}
