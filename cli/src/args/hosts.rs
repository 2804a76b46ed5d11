//! The arguments of `nixfleet hosts`.

use super::{FlakeArgs, SelectionArgs};

/// Arguments of `hosts`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet hosts                           list all hosts of the inventory
  nixfleet hosts '@prod and not @web'      list the hosts that an expression selects")]
pub struct HostsArgs {
    #[command(flatten)]
    pub flake: FlakeArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,
}
