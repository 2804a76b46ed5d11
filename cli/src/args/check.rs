//! The arguments of `nixfleet check`.

use super::TargetArgs;

/// Arguments of `check`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet check               run all health checks of all hosts
  nixfleet check --tag web -v  show the details of passed checks, too")]
pub struct CheckArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
}
