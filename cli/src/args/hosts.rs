//! The arguments of `nixfleet hosts`.

use super::{FlakeArgs, SelectionArgs};

/// Arguments of `hosts`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet hosts                           the whole inventory
  nixfleet hosts '@prod and not @web'      what a selection comes to")]
pub struct HostsArgs {
    #[command(flatten)]
    pub flake: FlakeArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,
}
