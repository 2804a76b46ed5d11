//! The subcommand `nixfleet plan`.

use std::collections::BTreeSet;

use nixfleet_operator::event::ExcludedHost;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::apply_request::ApplyRequest;
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::operation::planned_change::PlannedChange;
use nixfleet_operator::operation::rollout::{self, Rollout};
use nixfleet_operator::operation::rollout_view::RolloutView;
use nixfleet_operator::operation::saved_plan::SavedPlan;
use nixfleet_operator::operation::verb::{Operation, Planned};
use nixfleet_operator::plan_text::PlanText;
use nixfleet_operator::remote::PlanOptions;
use nixfleet_operator::rollout::Outline;
use nixfleet_operator::stop::Stop;

use super::Context;
use crate::args::PlanArgs;
use crate::exit::Exit;
use crate::render::{self, Totals};

/// Shows what an apply would change on each host, and in which waves. Nothing is changed.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &PlanArgs, context: &Context) -> Result<Exit, Stop> {
    args.planning.check(context.output, args.out.is_some())?;
    let request = ApplyRequest {
        targets: args.planning.limit(args.targets.targets(context.output)?),
        policy: args.rollout.request(),
        options: PlanOptions { dry_activate: args.dry_activate, ..args.planning.options() },
        force: args.force.force.clone(),
        dry_run: true,
        ..ApplyRequest::default()
    };
    let rollout = request.plan(&context.operation).await?;
    let shown = show_rollout(&rollout, context)?;
    if let Some(file) = &args.out {
        let saved = SavedPlan::of(&rollout.plans, rollout.origin.clone(), rollout.outline.clone())?;
        saved.write(file)?;
        if let Err(problem) = saved.protect(file).await {
            context.operation.warn(None, &problem.to_string());
        }
    }
    let changes = rollout.plans.iter().any(HostPlan::is_to_change);
    match finish(rollout, shown, context)? {
        Exit::Good if args.exit_code && changes => Ok(Exit::Changes),
        exit => Ok(exit),
    }
}

/// The parts of a planned rollout that its text has shown.
pub struct Shown {
    totals: Totals,
    new_errands: Vec<String>,
}

/// Shows a planned rollout that is not carried out.
///
/// # Errors
/// Returns an error only for a bug.
pub fn show_rollout<O, T>(rollout: &Rollout<O>, context: &Context) -> Result<Shown, Stop>
where
    O: Operation<Plan = PlannedChange<T>>,
    T: Send + Sync + 'static,
{
    let Rollout { origin, outline, plans, excluded, .. } = rollout;
    let totals = show(plans, context)?;
    show_waves(outline, plans, excluded, context);
    show_without(plans, context);
    let new_errands = rollout::new_errands(&rollout::errands(origin, plans), origin, &context.operation);
    context.show(&render::errands(&new_errands));
    Ok(Shown { totals, new_errands })
}

/// Ends a command that has shown a planned rollout, and does not carry it out.
///
/// # Errors
/// Returns an error only for a bug.
pub fn finish<O, T>(rollout: Rollout<O>, shown: Shown, context: &Context) -> Result<Exit, Stop>
where
    O: Operation<Plan = PlannedChange<T>>,
    T: Send + Sync + 'static,
{
    let Rollout { outline, plans, excluded, .. } = rollout;
    let Shown { totals, new_errands } = shown;
    let results = rollout::results(&plans, &excluded);
    show_totals(totals, context);
    let changes = plans.iter().any(HostPlan::is_to_change);
    if !changes && Exit::of(&results, false, false) == Exit::Good {
        context.show("Nothing to change.\n");
    }
    let (policy, waves) = (outline.policy, outline.waves);
    let view =
        RolloutView { id: None, policy, waves, end: None, reason: None, can_go_back: false, new_errands };
    context.finish(results, Some(view))
}

/// Shows the plans of all hosts, and returns the totals of these plans.
///
/// # Errors
/// Returns an error only for a bug.
pub fn show<T>(plans: &[HostPlan<PlannedChange<T>>], context: &Context) -> Result<Totals, Stop> {
    if context.output.is_for_programs() {
        return Ok(Totals::default());
    }
    let shown: Vec<&PlanText> = plans.iter().filter_map(HostPlan::known).map(|known| &known.plan).collect();
    let read = |place: usize| shown[place].read();
    render::plans(shown.len(), read, context.output.verbose(), |text| context.show(text)).map_err(Stop::bug)
}

/// Shows the totals of all plans. Nothing is shown if no plan has changes.
pub fn show_totals(totals: Totals, context: &Context) {
    if !totals.is_empty() {
        context.show(&format!("To change: {totals}\n"));
    }
}

/// Shows the waves and excluded hosts. Nothing is shown if all hosts are in one wave and none is excluded.
pub fn show_waves<P: Planned>(
    outline: &Outline,
    plans: &[HostPlan<P>],
    excluded: &[ExcludedHost],
    context: &Context,
) {
    let to_change: BTreeSet<&str> =
        plans.iter().filter(|plan| plan.is_to_change()).map(HostPlan::name).collect();
    context.show(&render::waves(outline, &to_change, excluded));
}

/// Shows the problem of each host for which no plan could be made.
pub fn show_without<P: Planned>(plans: &[HostPlan<P>], context: &Context) {
    let without: Vec<HostResult> = plans
        .iter()
        .filter(|plan| plan.planned.is_some() && plan.known().is_none())
        .map(HostPlan::result)
        .collect();
    if !without.is_empty() {
        context.show(&format!("{}\n", render::results(&without)));
    }
}
