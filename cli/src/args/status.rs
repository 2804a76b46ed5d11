//! The arguments of `nixfleet status`.

use super::TargetArgs;

/// Arguments of `status`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet status                  a table of every host, and what is not as it should be
  nixfleet status web-1 -v         with its generations and units")]
pub struct StatusArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
}
