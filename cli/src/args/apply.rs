//! The arguments of `nixfleet apply`.

use std::path::PathBuf;

use super::{ExitArgs, ForceArgs, PlanningArgs, RolloutArgs, TargetArgs, WindowArgs};
use nixfleet_operator::operation::resume::Resumed;

/// Arguments that conflict with `--plan` and `--resume`: they determine hosts and waves, which are already
/// fixed in the existing plan.
const FIXED: [&str; 9] = ["selector", "host", "tag", "role", "base", "on", "strategy", "wave", "canary"];

/// Arguments of `apply`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet apply                          plan all hosts, ask, then change them in parallel
  nixfleet apply web-1 web-2              change two hosts
  nixfleet apply all                      change every host, as without a selector
  nixfleet apply @web                     change every host with the tag web
  nixfleet apply --tag web --yes          do not ask, for scripts
  nixfleet apply web-1 --dry-run          only show the plan, like nixfleet plan web-1
  nixfleet apply --plan today.plan        apply a saved plan; refuse if a host has changed since
  nixfleet apply --strategy canary        change the canaries of the inventory, or one host, first
  nixfleet apply --resume                 resume the last rollout")]
pub struct ApplyArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub window: WindowArgs,

    #[command(flatten)]
    pub force: ForceArgs,

    #[command(flatten)]
    pub rollout: RolloutArgs,

    #[command(flatten)]
    pub exit: ExitArgs,

    #[command(flatten)]
    pub planning: PlanningArgs,

    /// Do not ask before changing hosts
    #[arg(short, long, help_heading = "Apply")]
    pub yes: bool,

    /// Let hosts download store paths from their own binary caches, and send only the rest
    #[arg(long, help_heading = "Apply")]
    pub substitute_on_destination: bool,

    /// Show the plan, and change nothing
    #[arg(long, help_heading = "Apply", conflicts_with = "plan")]
    pub dry_run: bool,

    /// Apply a plan that was saved by `plan --out`; refuse if a host has changed since
    #[arg(long, help_heading = "Apply", value_name = "FILE", conflicts_with_all = FIXED)]
    pub plan: Option<PathBuf>,

    /// Resume a paused or interrupted rollout with exactly the closures that were planned; without a name,
    /// resume the last rollout
    #[arg(long, help_heading = "Apply", value_name = "ROLLOUT", num_args = 0..=1, conflicts_with_all = FIXED)]
    #[arg(default_missing_value = "last", conflicts_with_all = ["plan", "dry_run"])]
    pub resume: Option<Resumed>,
}
