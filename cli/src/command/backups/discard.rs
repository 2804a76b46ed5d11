//! The subcommand `nixfleet backups drop`.

use nixfleet_contract::backup::Backup;
use nixfleet_operator::operation::at_once::AtOnce;
use nixfleet_operator::operation::backups::{DropBackups, DropBackupsRequest};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text;

use crate::args::BackupsDropArgs;
use crate::command::at_once::{self, Words};
use crate::command::{Context, confirm};
use crate::exit::Exit;
use crate::render;

/// Shows which backups would be dropped, asks for confirmation, and drops the backups.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &BackupsDropArgs, context: &Context) -> Result<Exit, Stop> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let request = DropBackupsRequest {
        targets: args.targets.targets(context.output)?,
        paths: args.path.clone(),
        older_than: args.older_than,
        all: args.all,
        originals: args.original.clone(),
        dry_run: args.dry_run,
    };
    let planned = request.plan(&context.operation).await?;
    let words = Words { plans: |shown, _| render::drops(shown), question, reports: render::dropped };
    at_once::execute(planned, words, args.yes, context).await
}

fn question(planned: &AtOnce<DropBackups>) -> String {
    let goes: Vec<&Backup> =
        planned.plans.iter().filter_map(HostPlan::known).flat_map(|planned| &planned.drop).collect();
    let bytes = goes.iter().fold(0_u64, |bytes, backup| bytes.saturating_add(backup.size));
    let noun = if goes.len() == 1 { "backup" } else { "backups" };
    let hosts = text::hosts(planned.to_change());
    format!("Drop {} {noun}, {}, on {hosts}?", goes.len(), render::size(bytes))
}
