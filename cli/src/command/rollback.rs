//! The subcommand `nixfleet rollback`.

use nixfleet_operator::operation::recover_hosts::RecoverHosts;
use nixfleet_operator::operation::rollback::{BackTo, RollbackRequest};
use nixfleet_operator::stop::Stop;

use super::change::{self, Recovery};
use super::{Context, confirm, plan};
use crate::args::RollbackArgs;
use crate::exit::Exit;

/// Plans a rollback on each host, asks for confirmation, and rolls the hosts back.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> Result<Exit, Stop> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    args.planning.check(context.output, false)?;
    let to = args.rollout.clone().map_or(BackTo::Generation(args.to), BackTo::BeforeRollout);
    let mut request = RollbackRequest {
        targets: args.targets.targets(context.output)?,
        to,
        options: args.planning.options(),
        force: args.force.force.clone(),
        window: args.window.window(),
        recover: RecoverHosts::default(),
        yes: args.yes,
        dry_run: args.dry_run,
    };
    let Some(mut rollout) = request.plan(&context.operation).await? else {
        return ended(args.dry_run, context);
    };
    if args.dry_run {
        let shown = plan::show_rollout(&rollout, context)?;
        return plan::finish(rollout, shown, context);
    }
    loop {
        match change::recovery(&rollout, &request.recover, context).await? {
            Recovery::None => break,
            Recovery::Agreed(hosts) => {
                // The rollout that is undone holds its record, which the next planning opens.
                drop(rollout);
                request.recover = hosts;
                let Some(again) = request.plan(&context.operation).await? else {
                    return ended(args.dry_run, context);
                };
                rollout = again;
            }
            Recovery::Declined => return Ok(change::declined(rollout.has_recovered())),
        }
    }
    change::execute(rollout, "Roll back", context).await
}

fn ended(dry_run: bool, context: &Context) -> Result<Exit, Stop> {
    let end = if dry_run { "" } else { " It has ended." };
    context.show(&format!("No host is at the generation of this rollout.{end}\n"));
    context.finish(Vec::new(), None)
}
