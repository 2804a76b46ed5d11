//! `nixfleet backups drop`.

use nixfleet_contract::backup::Backup;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::at_once::{AtOnce, AtOnceEnded};
use nixfleet_operator::operation::backups::{DropBackups, DropBackupsRequest};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::stop::Stop;

use crate::args::BackupsDropArgs;
use crate::command::{Context, confirm};
use crate::exit::Exit;
use crate::render;

/// Drops backups from hosts, after it has shown which.
///
/// # Errors
/// The command came to no host.
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
    let ask = async |planned: &AtOnce<DropBackups>| {
        let shown: Vec<HostResult> = planned.plans.iter().map(HostPlan::result).collect();
        context.show(&render::drops(&shown));
        let is_asked = !(args.yes || args.dry_run || planned.to_change() == 0);
        if is_asked { confirm::ask(question(planned)).await } else { Ok(true) }
    };
    let planned = request.plan(&context.operation).await?;
    match planned.propose(args.dry_run, ask, &context.operation).await? {
        AtOnceEnded::Declined => {
            render::err("nothing was changed");
            Ok(Exit::Refused)
        }
        AtOnceEnded::NothingDone(results) => context.finish(results, None),
        AtOnceEnded::Done(results) => {
            context.show(&render::dropped(&results));
            context.finish(results, None)
        }
    }
}

fn question(planned: &AtOnce<DropBackups>) -> String {
    let goes: Vec<&Backup> =
        planned.plans.iter().filter_map(HostPlan::known).flat_map(|planned| &planned.drop).collect();
    let bytes = goes.iter().fold(0_u64, |bytes, backup| bytes.saturating_add(backup.size));
    let noun = if goes.len() == 1 { "backup" } else { "backups" };
    let hosts = nixfleet_operator::text::hosts(planned.to_change());
    format!("Drop {} {noun}, {}, on {hosts}?", goes.len(), render::size(bytes))
}
