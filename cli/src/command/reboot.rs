//! The subcommand `nixfleet reboot`.

use nixfleet_operator::operation::reboot::{Reboot, RebootRequest, schedule};
use nixfleet_operator::operation::rollout::Proposal;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text;

use super::waved::{self, Words};
use super::{Context, confirm};
use crate::args::RebootArgs;
use crate::exit::Exit;
use crate::render;

/// Shows which hosts are rebooted and why, asks for confirmation, and reboots them.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &RebootArgs, context: &Context) -> Result<Exit, Stop> {
    let targets = args.targets.targets(context.output)?;
    if args.schedule {
        let results = schedule(&targets, &context.operation).await?;
        context.show(&render::schedule(&results));
        return context.finish(results, None);
    }
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let policy = args.rollout.request();
    let request =
        RebootRequest { targets, policy, if_required: args.if_required, now: args.now, yes: args.yes };
    let rollout = request.plan(&context.operation).await?;
    let words = Words { plans: &render::reboots, question: &question };
    waved::execute(rollout, words, args.dry_run, context).await
}

fn question(proposal: &Proposal<'_, Reboot>) -> String {
    format!("Reboot {}?", text::hosts(proposal.to_change))
}
