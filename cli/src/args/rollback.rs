//! The arguments of `nixfleet rollback`.

use super::{ExitArgs, ForceArgs, PlanningArgs, TargetArgs, WindowArgs};
use nixfleet_operator::event::RolloutId;
use nixfleet_operator::remote::Destination;

/// Arguments of `rollback`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet rollback web-1                 return to the previous generation
  nixfleet rollback web-1 --to 3          return to generation 3; nixfleet status web-1 -v lists generations
  nixfleet rollback web-1 --dry-run       only show the plan
  nixfleet rollback --rollout 20261120-140322-kbzq
                                          undo a rollout on all hosts that it changed")]
pub struct RollbackArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub window: WindowArgs,

    #[command(flatten)]
    pub force: ForceArgs,

    #[command(flatten)]
    pub planning: PlanningArgs,

    /// The generation to return to: its number, or `previous`
    #[arg(long, help_heading = "Rollback", value_name = "N|previous", default_value = "previous")]
    pub to: Destination,

    /// Roll back every host that this rollout changed and that is still at the generation it was changed to
    #[arg(long, help_heading = "Rollback", value_name = "ROLLOUT")]
    #[arg(conflicts_with_all = ["to", "selector", "host", "tag", "role", "base", "on"])]
    pub rollout: Option<RolloutId>,

    #[command(flatten)]
    pub exit: ExitArgs,

    /// Show the plan, and change nothing
    #[arg(long, help_heading = "Rollback")]
    pub dry_run: bool,

    /// Do not ask before changing hosts
    #[arg(short, long, help_heading = "Rollback")]
    pub yes: bool,
}
