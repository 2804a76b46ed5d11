//! The arguments of `nixfleet reboot`.

use super::{ExitArgs, RolloutArgs, TargetArgs};

/// Arguments of `reboot`.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "\
Examples:
  nixfleet reboot --if-required           reboot the hosts that have to be rebooted, in their windows
  nixfleet reboot web-1 --now             reboot a host, even outside its window
  nixfleet reboot --if-required --dry-run show which hosts have to be rebooted, and why
  nixfleet reboot --schedule              show the windows of all hosts

Hosts are rebooted one after the other, unless `osUpdates` of the inventory or `--parallel` allows more at the same
time. A reboot is done when the host has a new boot id, its units have started, and its health checks pass. If a host
does not come back well, no further host is rebooted.")]
pub struct RebootArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub rollout: RolloutArgs,

    #[command(flatten)]
    pub exit: ExitArgs,

    /// Reboot only hosts that have to be rebooted
    #[arg(long, help_heading = "Reboot")]
    pub if_required: bool,

    /// Reboot hosts outside their windows too
    #[arg(long, help_heading = "Reboot")]
    pub now: bool,

    /// Show when hosts may be rebooted, and reboot none; no host is contacted
    #[arg(long, help_heading = "Reboot", conflicts_with_all = ["now", "if_required", "dry_run", "yes"])]
    pub schedule: bool,

    /// Show what would be done, and reboot no host
    #[arg(long, help_heading = "Reboot")]
    pub dry_run: bool,

    /// Do not ask before rebooting hosts
    #[arg(short, long, help_heading = "Reboot")]
    pub yes: bool,
}
