//! The common part of `gc` and `backups drop`. These subcommands show what would be dropped, ask for
//! confirmation, drop it, and report the result.

use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::at_once::{AtOnce, AtOnceEnded};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::operation::verb::Operation;
use nixfleet_operator::stop::Stop;

use super::{Context, confirm};
use crate::exit::Exit;
use crate::render;

/// The texts of a command that drops generations or backups.
pub struct Words<O: Operation> {
    /// Returns a description of what would be dropped on the hosts.
    pub plans: fn(&[HostResult], bool) -> String,
    /// Returns the question that asks the user for confirmation.
    pub question: fn(&AtOnce<O>) -> String,
    /// Returns a description of what was dropped on the hosts.
    pub reports: fn(&[HostResult]) -> String,
}

/// Shows the plans, asks for confirmation unless `yes` is set, carries the plans out, and reports the result
/// of each host.
///
/// # Errors
/// Returns an error only for a bug. A problem on a host is part of the result of that host.
pub async fn execute<O: Operation>(
    planned: AtOnce<O>,
    words: Words<O>,
    yes: bool,
    context: &Context,
) -> Result<Exit, Stop> {
    let ask = async |planned: &AtOnce<O>| {
        let shown: Vec<HostResult> = planned.plans.iter().map(HostPlan::result).collect();
        context.show(&(words.plans)(&shown, context.output.verbose()));
        let is_asked = !(yes || planned.dry_run || planned.to_change() == 0);
        if is_asked { confirm::ask((words.question)(planned)).await } else { Ok(true) }
    };
    match planned.propose(ask, &context.operation).await? {
        AtOnceEnded::Declined => {
            render::err("nothing was changed");
            Ok(Exit::Refused)
        }
        AtOnceEnded::NothingDone(results) => context.finish(results, None),
        AtOnceEnded::Done(results) => {
            context.show(&(words.reports)(&results));
            context.finish(results, None)
        }
    }
}
