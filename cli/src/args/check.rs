//! The arguments of `nixfleet check`.

use super::TargetArgs;

/// Arguments of `check`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet check               try every health check of every host, and show what each found
  nixfleet check --tag web -v  with what the good ones found, too")]
pub struct CheckArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
}
