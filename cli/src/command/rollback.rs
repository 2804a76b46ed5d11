//! The subcommand `nixfleet rollback`.

use nixfleet_operator::operation::rollback::{BackTo, RollbackRequest};
use nixfleet_operator::stop::Stop;

use super::{Context, change, confirm};
use crate::args::RollbackArgs;
use crate::exit::Exit;

/// Plans a rollback on each host, asks for confirmation, and rolls the hosts back.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> Result<Exit, Stop> {
    confirm::check(args.yes, context)?;
    args.planning.check(context.output, false)?;
    let to = args.rollout.clone().map_or(BackTo::Generation(args.to), BackTo::BeforeRollout);
    let request = RollbackRequest {
        targets: args.targets.targets(context.output)?,
        to,
        options: args.planning.options(),
        force: args.force.force.clone(),
        window: args.window.window(),
        yes: args.yes,
    };
    let Some(rollout) = request.plan(&context.operation).await? else {
        context.show("No host is at the generation of this rollout. It has ended.\n");
        return context.finish(Vec::new(), None);
    };
    change::execute(rollout, "Roll back", context).await
}
