//! `nixfleet rollback`.

use nixfleet_operator::operation::change::ChangeOptions;
use nixfleet_operator::operation::fleet::Evaluated;
use nixfleet_operator::operation::rollback::{self, Rollback};

use super::change::{self, Question};
use super::{Context, confirm, targets};
use crate::args::RollbackArgs;
use crate::exit::Exit;

/// Asks the hosts what going back would change, then the user, and puts the hosts back.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> anyhow::Result<Exit> {
    confirm::check(args.yes, context)?;
    args.planning.check(context.output, false)?;
    let force = args.force.force.as_slice();
    let how = Rollback { connections: args.targets.connections(), force, options: args.planning.options() };
    let rollout = match &args.rollout {
        None => {
            let targets = &args.targets;
            let (Evaluated { origin, fleet, .. }, hosts) =
                targets::select(&targets.flake, &targets.selection.selection(), context).await?;
            rollback::of_hosts(origin, (&fleet, hosts), args.to, how, &context.operation).await?
        }
        Some(id) => {
            if let Some(rollout) = rollback::of_rollout(id, how, &context.operation).await? {
                rollout
            } else {
                context.show("No host stands where this rollout put it. It has ended.\n");
                return context.finish(Vec::new(), None);
            }
        }
    };
    let question = Question { what: "Roll back", yes: args.yes };
    let options = ChangeOptions { window: args.window.window(), force, substitute: false };
    change::execute(rollout, question, options, context).await
}
