//! The subcommand `nixfleet os-update`.

use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::os_update::{OsUpdate, OsUpdateRequest};
use nixfleet_operator::operation::rollout::Proposal;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text;

use super::waved::{self, Words};
use super::{Context, confirm};
use crate::args::OsUpdateArgs;
use crate::exit::Exit;
use crate::render;

/// Shows the updates of the hosts, asks for confirmation, and installs them.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &OsUpdateArgs, context: &Context) -> Result<Exit, Stop> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let request = OsUpdateRequest {
        targets: args.targets.targets(context.output)?,
        policy: args.rollout.request(),
        scope: args.scope.scope(),
        download_only: args.download_only,
        ignore_policy: args.ignore_policy,
        yes: args.yes,
    };
    let rollout = request.plan(&context.operation).await?;
    let verbose = context.output.verbose();
    let words =
        Words { plans: &|results: &[HostResult]| render::updates(results, verbose), question: &question };
    waved::execute(rollout, words, args.dry_run, context).await
}

fn question(proposal: &Proposal<'_, OsUpdate>) -> String {
    let hosts = text::hosts(proposal.to_change);
    if proposal.rollout.operation.download_only {
        format!("Download the updates of {hosts}?")
    } else {
        format!("Update {hosts}? apt cannot undo it.")
    }
}
