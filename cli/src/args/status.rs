//! The arguments of `nixfleet status`.

use super::TargetArgs;

/// Arguments of `status`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet status                  show a table of all hosts, and everything that is not as it should be
  nixfleet status web-1 -v         show generations and units, too")]
pub struct StatusArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
}
