//! The arguments of `nixfleet plan`.

use std::path::PathBuf;

use super::{ForceArgs, PlanningArgs, RolloutArgs, TargetArgs};

/// Arguments of `plan`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet plan                                   plan every host of the fleet
  nixfleet plan --tag web --exit-code             exit with code 3 if the plan has changes
  nixfleet plan web-1                             plan one host
  nixfleet plan 'web-* and not @canary'           select hosts by an expression
  nixfleet plan --dry-activate db-9               ask NixOS itself what an activation would do
  nixfleet plan --out today.plan                  save the plan for nixfleet apply --plan today.plan")]
pub struct PlanArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub force: ForceArgs,

    #[command(flatten)]
    pub rollout: RolloutArgs,

    #[command(flatten)]
    pub planning: PlanningArgs,

    /// Copy the new system of each NixOS host to the host, and ask NixOS itself what an activation would do.
    /// Without this flag, a plan copies nothing
    #[arg(long, help_heading = "Plan")]
    pub dry_activate: bool,

    /// Exit with code 3 if the plan has changes
    #[arg(long, help_heading = "Plan")]
    pub exit_code: bool,

    /// Save the plan to a file, for `apply --plan`
    #[arg(long, help_heading = "Plan", value_name = "FILE")]
    pub out: Option<PathBuf>,
}
