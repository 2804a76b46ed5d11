//! `nixfleet apply --resume`.

use nixfleet_operator::operation::change::ChangeOptions;
use nixfleet_operator::operation::resume::{self, Resume, Resumed};

use super::Context;
use super::change::{self, Question};
use crate::args::ApplyArgs;
use crate::exit::Exit;

/// Goes on with a rollout: hosts that are done stay as they are, all others are asked again what would
/// change.
///
/// # Errors
/// There is nothing to go on with, or nothing to do it with.
pub async fn execute(
    resumed: &Resumed,
    args: &ApplyArgs,
    options: ChangeOptions<'_>,
    context: &Context,
) -> anyhow::Result<Exit> {
    let resume = Resume {
        connections: args.targets.connections(),
        force: options.force,
        options: args.planning.options(),
        yes: args.yes,
    };
    let policy = |policy| args.rollout.run.of(policy);
    let rollout = resume::plan(resumed, resume, policy, &context.operation).await?;
    let question = Question { what: "Go on with", yes: args.yes };
    change::execute(rollout, question, options, context).await
}
