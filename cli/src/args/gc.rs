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
  nixfleet gc --dry-run                    show which generations would be dropped, and why others stay
  nixfleet gc --keep 3 --collect           keep the newest three, and free the disk space of the others
  nixfleet gc --older-than 30d --tag web   drop only generations older than thirty days

Generations that are still needed are never dropped: the current generation, the generation that a rollback returns to,
the generations of the last change, a generation that the inventory pins, and generations that an unfinished rollout
refers to.")]
pub struct GcArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    /// Keep this many of the newest generations of each host
    #[arg(long, help_heading = "Garbage collection", value_name = "N", default_value_t = KEPT)]
    #[arg(value_parser = count, conflicts_with = "older_than")]
    pub keep: NonZeroUsize,

    /// Drop all generations that are older than this, such as 12h, 30d or 8w
    #[arg(long, help_heading = "Garbage collection", value_name = "AGE", value_parser = age)]
    pub older_than: Option<u64>,

    /// Collect garbage in the Nix store of each host afterwards, which frees disk space. Nix removes
    /// everything that is not referenced, including store paths that do not belong to NixFleet
    #[arg(long, help_heading = "Garbage collection")]
    pub collect: bool,

    /// Show what would be dropped, and change nothing
    #[arg(long, help_heading = "Garbage collection")]
    pub dry_run: bool,

    /// Do not ask before dropping generations
    #[arg(short, long, help_heading = "Garbage collection")]
    pub yes: bool,
}
