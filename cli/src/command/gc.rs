//! The subcommand `nixfleet gc`.

use nixfleet_contract::gc::Retention;
use nixfleet_operator::operation::at_once::AtOnce;
use nixfleet_operator::operation::gc::{Gc, GcRequest, PlannedGc};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text;

use super::at_once::{self, Words};
use super::{Context, confirm};
use crate::args::GcArgs;
use crate::exit::Exit;
use crate::render;

/// Shows which generations the hosts no longer need, asks for confirmation, and drops these generations.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &GcArgs, context: &Context) -> Result<Exit, Stop> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let request = GcRequest {
        targets: args.targets.targets(context.output)?,
        retention: args.older_than.map_or(Retention::Newest(args.keep.get()), Retention::Younger),
        collect: args.collect,
        dry_run: args.dry_run,
    };
    let planned = request.plan(&context.operation).await?;
    let words = Words { plans: render::gc_plans, question, reports: render::gc_reports };
    at_once::execute(planned, words, args.yes, context).await
}

fn question(planned: &AtOnce<Gc>) -> String {
    let generations: usize = planned.plans.iter().filter_map(HostPlan::known).map(PlannedGc::going).sum();
    let noun = if generations == 1 { "generation" } else { "generations" };
    let store = if planned.operation.collect { " and collect the store" } else { "" };
    format!("Drop {generations} {noun}{store} on {}?", text::hosts(planned.to_change()))
}
