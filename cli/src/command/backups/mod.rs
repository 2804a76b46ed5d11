//! The subcommand `nixfleet backups`.

mod discard;
mod list;
mod show;

use nixfleet_operator::stop::Stop;

use crate::args::{BackupsArgs, BackupsCommand};
use crate::command::Context;
use crate::exit::Exit;

/// Lists, shows or drops backups on hosts.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &BackupsArgs, context: &Context) -> Result<Exit, Stop> {
    match &args.what {
        BackupsCommand::List(args) => list::execute(args, context).await,
        BackupsCommand::Show(args) => show::execute(args, context).await,
        BackupsCommand::Drop(args) => discard::execute(args, context).await,
    }
}
