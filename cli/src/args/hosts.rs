//! `nixfleet hosts`.

use super::{FlakeArgs, SelectionArgs};

/// Flags of `hosts`.
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
