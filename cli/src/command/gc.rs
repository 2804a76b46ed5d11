//! `nixfleet gc`.

use nixfleet_contract::gc::Retention;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::at_once::{AtOnce, AtOnceEnded};
use nixfleet_operator::operation::gc::{Gc, GcRequest, PlannedGc};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::stop::Stop;

use super::{Context, confirm};
use crate::args::GcArgs;
use crate::exit::Exit;
use crate::render;

/// Drops generations that nobody needs from hosts, after it has shown which.
///
/// # Errors
/// The command came to no host.
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
    let ask = async |planned: &AtOnce<Gc>| {
        let shown: Vec<HostResult> = planned.plans.iter().map(HostPlan::result).collect();
        context.show(&render::gc_plans(&shown, context.output.verbose()));
        let is_asked = !(args.yes || args.dry_run || planned.to_change() == 0);
        if is_asked { confirm::ask(question(planned, args.collect)).await } else { Ok(true) }
    };
    let planned = request.plan(&context.operation).await?;
    match planned.propose(args.dry_run, ask, &context.operation).await? {
        AtOnceEnded::Declined => {
            render::err("nothing was changed");
            Ok(Exit::Refused)
        }
        AtOnceEnded::NothingDone(results) => context.finish(results, None),
        AtOnceEnded::Done(results) => {
            context.show(&render::gc_reports(&results));
            context.finish(results, None)
        }
    }
}

fn question(planned: &AtOnce<Gc>, collect: bool) -> String {
    let generations: usize = planned.plans.iter().filter_map(HostPlan::known).map(PlannedGc::going).sum();
    let noun = if generations == 1 { "generation" } else { "generations" };
    let store = if collect { " and collect the store" } else { "" };
    format!("Drop {generations} {noun}{store} on {}?", nixfleet_operator::text::hosts(planned.to_change()))
}
