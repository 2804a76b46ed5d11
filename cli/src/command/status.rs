//! The subcommand `nixfleet status`.

use nixfleet_operator::operation::status::status;
use nixfleet_operator::stop::Stop;

use super::Context;
use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::render;

/// Shows the status of the hosts. Nothing is changed.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &StatusArgs, context: &Context) -> Result<Exit, Stop> {
    let results = status(&args.targets.targets(context.output)?, &context.operation).await?;
    context.show(&render::statuses(&results, context.output.verbose()));
    context.show(&render::tally_of_statuses(&results, context.began.elapsed()));
    if context.output.is_for_programs() {
        return context.finish(results, None);
    }
    let exit = context.exit(&results);
    context.show_how_to_explain(&results, exit);
    Ok(exit)
}
