//! The subcommand `nixfleet forget`.

use nixfleet_contract::forget::ForgetMode;
use nixfleet_operator::bootstrap::Undoing;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::at_once::{AtOnce, AtOnceEnded};
use nixfleet_operator::operation::forget::{Forget, ForgetRequest};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text;

use super::{Context, confirm, password};
use crate::args::ForgetArgs;
use crate::exit::Exit;
use crate::render;

/// Shows what would be removed from each host and what stays, asks for confirmation, and forgets the hosts.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &ForgetArgs, context: &Context) -> Result<Exit, Stop> {
    let request = ForgetRequest {
        targets: args.targets.targets(context.output)?,
        mode: args.how.mode(),
        undoing: Undoing { nix: args.undoing.with_nix, access: args.undoing.with_access },
        login: args.login.login.clone(),
        window: args.window.window(),
        dry_run: args.dry_run,
    };
    if args.how.gone {
        let results = request.gone(&context.operation).await?;
        context.show(&render::forgotten(&results));
        return context.finish(results, None);
    }
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let password = password::read(&args.login, context).await?;
    let planned = request.plan(password, &context.operation).await?;
    let ask = async |planned: &AtOnce<Forget>| {
        let results: Vec<HostResult> = planned.plans.iter().map(HostPlan::result).collect();
        show_changes(&results, context)?;
        context.show(&render::forget_plans(&results));
        let is_asked = !(args.yes || planned.dry_run || planned.to_change() == 0);
        if is_asked { confirm::ask(question(request.mode, planned.to_change())).await } else { Ok(true) }
    };
    match planned.propose(ask, &context.operation).await? {
        AtOnceEnded::Declined => {
            render::err("nothing was changed");
            Ok(Exit::Refused)
        }
        AtOnceEnded::NothingDone(results) => context.finish(results, None),
        AtOnceEnded::Done(results) => {
            context.show(&render::forgotten(&results));
            context.finish(results, None)
        }
    }
}

/// Shows the changes after which nothing is declared.
fn show_changes(results: &[HostResult], context: &Context) -> Result<(), Stop> {
    if context.output.is_for_programs() {
        return Ok(());
    }
    let plans: Vec<_> = results.iter().filter_map(|result| result.plan.as_ref()).collect();
    let read = |place: usize| plans[place].read();
    let totals = render::plans(plans.len(), read, context.output.verbose(), |text| context.show(text));
    totals.map(drop).map_err(Stop::bug)
}

fn question(mode: ForgetMode, count: usize) -> String {
    let hosts = text::hosts(count);
    match mode {
        ForgetMode::Leave => format!("Leave {hosts} as they are, and forget them?"),
        ForgetMode::Clean => format!("Remove everything above from {hosts}?"),
    }
}
