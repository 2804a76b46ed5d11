//! `nixfleet apply`.

use std::path::PathBuf;

use super::{ForceArgs, TargetArgs, WindowArgs};

/// Flags of `apply`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet apply                          plan every host, ask, then change them in parallel
  nixfleet apply --tag web --yes          without the question, for scripts
  nixfleet apply --host web-1 --dry-run   the same as plan
  nixfleet apply --plan today.plan        exactly what was planned, or nothing")]
pub struct ApplyArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub window: WindowArgs,

    #[command(flatten)]
    pub force: ForceArgs,

    /// Do not ask before changing hosts
    #[arg(short, long, help_heading = "Apply")]
    pub yes: bool,

    /// Let each host fetch from its own binary caches what they have, and send it only the rest
    #[arg(long, help_heading = "Apply")]
    pub substitute_on_destination: bool,

    /// Only show the plan
    #[arg(long, help_heading = "Apply", conflicts_with = "plan")]
    pub dry_run: bool,

    /// Apply a plan saved by `plan --out`; refused where a host has changed since
    #[arg(long, help_heading = "Apply", value_name = "FILE", conflicts_with_all = ["host", "tag", "role", "base", "on"])]
    pub plan: Option<PathBuf>,
}
