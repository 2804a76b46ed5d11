//! The arguments of `nixfleet os-update`.

use nixfleet_contract::os::update::UpdateScope;

use super::{ExitArgs, RolloutArgs, TargetArgs};

/// Arguments of `os-update`.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "\
Examples:
  nixfleet os-update --dry-run            show the updates of all hosts, and those that are held back
  nixfleet os-update @web                 update the hosts with the tag web, after a question
  nixfleet os-update --security-only --strategy canary --soak 1h
                                          only security updates: first the canaries, then, after an hour, the rest
  nixfleet os-update @db --download-only  only download the packages, ahead of the window
  nixfleet os-update db-1 --ignore-policy update a host outside its window, or one with the mode manual

All hosts download their packages before the first host is changed, and later install exactly these files, even if the
package sources have changed since. apt cannot undo an update. NixOS hosts are left out: an apply updates them.")]
pub struct OsUpdateArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub rollout: RolloutArgs,

    #[command(flatten)]
    pub exit: ExitArgs,

    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Download the packages, and install nothing
    #[arg(long, help_heading = "Updates")]
    pub download_only: bool,

    /// Update hosts outside their windows too, and hosts whose mode is `manual`
    #[arg(long, help_heading = "Updates")]
    pub ignore_policy: bool,

    /// Show the updates, and install nothing; hosts still fetch their lists of packages
    #[arg(long, help_heading = "Updates", conflicts_with = "download_only")]
    pub dry_run: bool,

    /// Do not ask before changing hosts
    #[arg(short, long, help_heading = "Updates")]
    pub yes: bool,
}

/// Arguments that choose which updates are installed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ScopeArgs {
    /// Install only security updates, and what they need; the default for hosts with the mode security-daily
    #[arg(long, help_heading = "Updates", conflicts_with = "full")]
    pub security_only: bool,

    /// Install all updates; the default for other hosts
    #[arg(long, help_heading = "Updates")]
    pub full: bool,
}

impl ScopeArgs {
    /// Returns the scope that the arguments choose, if they choose one.
    pub const fn scope(self) -> Option<UpdateScope> {
        match (self.security_only, self.full) {
            (true, _) => Some(UpdateScope::Security),
            (false, true) => Some(UpdateScope::Full),
            (false, false) => None,
        }
    }
}
