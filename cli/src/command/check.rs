//! The subcommand `nixfleet check`.

use nixfleet_operator::operation::check::check;
use nixfleet_operator::stop::Stop;

use super::Context;
use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::render;

/// Runs all health checks of each host's generation in force: some of them run on the host, the others on
/// this machine.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &CheckArgs, context: &Context) -> Result<Exit, Stop> {
    let results = check(&args.targets.targets(context.output)?, &context.operation).await?;
    context.show(&render::health(&results, context.output.verbose()));
    context.finish(results, None)
}
