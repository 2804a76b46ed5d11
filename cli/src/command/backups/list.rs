//! The subcommand `nixfleet backups list`.

use nixfleet_operator::operation::backups::ListBackupsRequest;
use nixfleet_operator::stop::Stop;

use crate::args::BackupsListArgs;
use crate::command::Context;
use crate::exit::Exit;
use crate::render;

/// Lists the backups of the selected hosts.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &BackupsListArgs, context: &Context) -> Result<Exit, Stop> {
    let targets = args.targets.targets(context.output)?;
    let results = ListBackupsRequest { targets, paths: args.path.clone() }.list(&context.operation).await?;
    context.show(&render::backups(&results));
    context.finish(results, None)
}
