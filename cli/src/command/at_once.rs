//! Shows what would go, asks, and says what went. The end of `gc` and of `backups drop`.

use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::at_once::{AtOnce, AtOnceEnded};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::operation::verb::Operation;
use nixfleet_operator::stop::Stop;

use super::{Context, confirm};
use crate::exit::Exit;
use crate::render;

/// How one of these commands speaks.
pub struct Words<O: Operation> {
    /// What would go.
    pub plans: fn(&[HostResult], bool) -> String,
    /// The question before it goes.
    pub question: fn(&AtOnce<O>) -> String,
    /// What went.
    pub reports: fn(&[HostResult]) -> String,
}

/// Shows the plans, asks unless told not to, has them carried out, and says what became of each host.
/// `yes`: nobody is asked.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its result.
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
