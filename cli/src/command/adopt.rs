//! The subcommand `nixfleet host adopt`, and the question whether the user agrees to host keys.

use std::io::{self, IsTerminal as _};

use nixfleet_operator::operation::adopt::{AdoptRequest, Offer};
use nixfleet_operator::stop::Stop;

use super::{Context, confirm};
use crate::args::AdoptArgs;
use crate::exit::Exit;
use crate::render;

/// Shows the keys of hosts, asks about those that nobody has agreed to, and records them.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &AdoptArgs, context: &Context) -> Result<Exit, Stop> {
    let request = AdoptRequest {
        targets: args.targets.targets(context.output)?,
        fingerprints: args.host_keys.fingerprints.iter().cloned().collect(),
        dry_run: args.dry_run,
    };
    let agree = async |offers: &[Offer]| if args.dry_run { Ok(false) } else { ask(offers, context).await };
    let results = request.carry_out(agree, &context.operation).await?;
    context.show(&render::adopted(&results, args.dry_run));
    context.finish(results, None)
}

/// Asks whether the user agrees to the keys of these hosts that are open. Without a terminal, the user does
/// not.
///
/// # Errors
/// Standard input or standard error is broken.
pub async fn ask(offers: &[Offer], context: &Context) -> Result<bool, Stop> {
    if context.output.is_for_programs() || !io::stdin().is_terminal() {
        return Ok(false);
    }
    context.progress.suspend(|| render::err(render::offers(offers).trim_end()));
    confirm::ask("Are these the keys of the hosts?".to_owned()).await
}
