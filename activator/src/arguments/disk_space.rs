//! The arguments of `gc` and `backups`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nixfleet_contract::gc::{Passage, Request, Retention};

use super::Common;

/// The options of `gc`.
#[derive(Args)]
pub struct GcArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    retention: RetentionArgs,
    /// A generation that the inventory pins the host to.
    #[arg(long, value_name = "N")]
    pinned: Vec<u64>,
    /// The revision that the inventory pins the host to. If no generation is known to have this revision, all
    /// generations are kept.
    #[arg(long, value_name = "REVISION")]
    pinned_revision: Option<String>,
    /// The numbers of the generations before and after the change that an unfinished rollout made on the
    /// host.
    #[arg(long, value_name = "BEFORE:AFTER")]
    rollout: Vec<Passage>,
    /// Show what would be dropped, without changing anything.
    #[arg(long, conflicts_with_all = ["expect", "collect"])]
    pub dry_run: bool,
    /// The time from which ages are counted, as in the approved plan; the current time by default.
    #[arg(long, value_name = "SECONDS SINCE 1970")]
    pub at: Option<u64>,
    /// Refuse to continue unless the plan has this fingerprint.
    #[arg(long, value_name = "FINGERPRINT")]
    pub expect: Option<String>,
    /// Collect the garbage in the Nix store with this `nix-store` program after generations were dropped.
    #[arg(long, value_name = "PROGRAM")]
    pub collect: Option<String>,
    /// The operator, as shown to others who find the host locked.
    #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
    pub by: String,
}

/// The rule for which generations to keep.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct RetentionArgs {
    /// Keep this many of the newest generations.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Keep the generations that are younger than this.
    #[arg(long, value_name = "SECONDS")]
    older_than: Option<u64>,
}

/// The subcommands of `backups`.
#[derive(Subcommand)]
pub enum BackupsCommand {
    /// List backups, without changing anything.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Print the content of the newest backup of a path. With `--json`, a line that describes the backup
    /// comes first.
    Show {
        #[command(flatten)]
        common: Common,
        /// The path that was backed up, or the path of the backup itself.
        #[arg(long)]
        path: String,
        /// Select the backup that was made by the change to this generation.
        #[arg(long, value_name = "N", conflicts_with = "original")]
        generation: Option<u64>,
        /// Select the original: the content from before NixFleet managed the path.
        #[arg(long)]
        original: bool,
    },
    /// Drop backups.
    Drop {
        #[command(flatten)]
        common: Common,
        /// A JSON file with the backups to drop, as they were listed; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
        /// The operator, as shown to others who find the host locked.
        #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
        by: String,
    },
}

impl GcArgs {
    /// Whether the command prints JSON, for a program to read.
    pub const fn wants_json(&self) -> bool {
        self.common.json
    }

    /// Returns the generations to keep.
    pub fn request(&self) -> Request {
        let younger = self.retention.older_than.map(Retention::Younger);
        Request {
            retention: younger.unwrap_or_else(|| Retention::Newest(self.retention.keep.unwrap_or(1))),
            pinned: self.pinned.iter().copied().collect(),
            pinned_revision: self.pinned_revision.clone(),
            rollouts: self.rollout.iter().copied().collect(),
        }
    }
}

impl BackupsCommand {
    /// Whether the command prints JSON, for a program to read.
    pub const fn wants_json(&self) -> bool {
        match self {
            Self::List { common } | Self::Show { common, .. } | Self::Drop { common, .. } => common.json,
        }
    }
}
