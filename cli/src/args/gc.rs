//! The arguments of `nixfleet gc`.

use std::num::NonZeroUsize;

use super::TargetArgs;
use super::age::age;
use super::count::count;

/// The default of `--keep`.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// Arguments of `gc`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet gc --dry-run                    which generations would go on each host, and why others stay
  nixfleet gc --keep 3 --collect           keep the newest three, then free the room of the others
  nixfleet gc --older-than 30d --tag web   only what is older than thirty days

What is needed stays in any case: the generation in force, the one that rollback goes back to, those of the last change,
one that the inventory pins, and those that a rollout which has not ended refers to.")]
pub struct GcArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    /// Keep this many of the newest generations of each host
    #[arg(long, help_heading = "Garbage collection", value_name = "N", default_value_t = KEPT)]
    #[arg(value_parser = count, conflicts_with = "older_than")]
    pub keep: NonZeroUsize,

    /// Drop all generations that are older than this: 12h, 30d, 8w
    #[arg(long, help_heading = "Garbage collection", value_name = "AGE", value_parser = age)]
    pub older_than: Option<u64>,

    /// Then collect garbage in the Nix store of each host, which frees disk space. Nix removes everything
    /// that is not referenced, including store paths that do not belong to NixFleet
    #[arg(long, help_heading = "Garbage collection")]
    pub collect: bool,

    /// Show what would be dropped, and change nothing
    #[arg(long, help_heading = "Garbage collection")]
    pub dry_run: bool,

    /// Do not ask before dropping generations
    #[arg(short, long, help_heading = "Garbage collection")]
    pub yes: bool,
}
