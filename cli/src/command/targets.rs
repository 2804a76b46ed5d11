//! From flags to hosts and sessions: the first step of every command.

use std::sync::Arc;

use nixfleet_activate::fleet::Host;
use nixfleet_activate::problem::{Code, Problem};

use super::Context;
use crate::args::{FlakeArgs, SelectionArgs};
use crate::event::Stage;
use crate::flake::Flake;
use crate::inventory;
use crate::nix::Nix;
use crate::ssh::{Session, Sockets};

/// Evaluates the inventory and selects from it.
///
/// # Errors
/// No flake, no inventory, or a selection that is wrong.
pub async fn select(
    flake: &FlakeArgs,
    selection: &SelectionArgs,
    context: &Context,
) -> Result<(Nix, Vec<Host>), Problem> {
    let here = std::env::current_dir()
        .map_err(|error| Problem::new(Code::Usage, "the current directory cannot be read").because(error))?;
    let nix = Nix::new(Flake::find(flake.flake.as_deref(), &here)?, flake, context.output.verbose);
    let fleet = context.stage(Stage::Evaluation, nix.fleet()).await?;
    let hosts = inventory::select(&fleet, selection)?;
    Ok((nix, hosts))
}

/// A session for each host.
///
/// # Errors
/// There is no private place for sockets, or a pinned host key is none.
pub fn sessions(hosts: Vec<Host>, connect_timeout: u64) -> Result<Vec<Arc<Session>>, Problem> {
    let sockets = Sockets::open()?;
    let count = hosts.len();
    hosts.into_iter().map(|host| Session::new(host, &sockets, count, connect_timeout).map(Arc::new)).collect()
}
