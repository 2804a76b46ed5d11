//! From flags to hosts: the first step of every command.

use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::inventory::{self, Selection};
use nixfleet_operator::operation::fleet::{Evaluated, FleetRequest, evaluate};
use nixfleet_operator::state::StateDir;

use super::Context;
use crate::args::FlakeArgs;
use crate::completion;
use crate::render;

/// Evaluates the inventory and selects from it. The hosts are in the order of their names.
///
/// # Errors
/// No flake, no inventory, or a selection that is wrong.
pub async fn select(
    flake: &FlakeArgs,
    selection: &Selection,
    context: &Context,
) -> Result<(Evaluated, Vec<Host>), Problem> {
    of(flake, selection, false, context).await
}

/// The same for a command that builds the closures of the selection.
///
/// # Errors
/// As for [`select`].
pub async fn select_to_build(
    flake: &FlakeArgs,
    selection: &Selection,
    context: &Context,
) -> Result<(Evaluated, Vec<Host>), Problem> {
    of(flake, selection, selection.is_everything(), context).await
}

async fn of(
    flake: &FlakeArgs,
    selection: &Selection,
    all: bool,
    context: &Context,
) -> Result<(Evaluated, Vec<Host>), Problem> {
    let here = std::env::current_dir()
        .map_err(|error| Problem::new(Code::Usage, "the current directory cannot be read").because(error))?;
    let request = FleetRequest {
        flake: flake.flake.clone(),
        nix_flags: flake.passed_to_nix(),
        verbose: context.output.verbose(),
    };
    let progress = context.progress.clone();
    let show = Arc::new(move |line: &str| progress.suspend(|| render::err(line)));
    let evaluated = evaluate(&request, &here, all, show, &context.operation).await?;
    if let Ok(state) = StateDir::find() {
        completion::record_names(&state, &evaluated.nix.flake, &evaluated.fleet);
    }
    let hosts = inventory::select(&evaluated.fleet, selection)?;
    Ok((evaluated, hosts))
}
