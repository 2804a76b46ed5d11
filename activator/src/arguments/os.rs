//! The arguments of the commands about the operating system.

use clap::{Args, Subcommand};
use nixfleet_contract::os::update::UpdateScope;

use super::{Common, RunArgs};

/// The commands about the operating system.
#[derive(Subcommand)]
pub enum OsCommand {
    /// Show the updates of the operating system that apt offers, and those that it keeps back. Changes only
    /// the lists of apt and the record of the updates.
    OsPlan(OsPlanArgs),
    /// Download the files of a plan of an update, which is read from standard input, and keep them.
    OsDownload {
        #[command(flatten)]
        common: Common,
    },
    /// Install an update of the operating system that was downloaded. Nothing undoes it.
    OsUpdate {
        #[command(flatten)]
        common: Common,
        /// The fingerprint of the update.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Reboot the host.
    Reboot {
        #[command(flatten)]
        common: Common,
        /// The id of the boot that should end. If the host has another one, it was rebooted already.
        #[arg(long, value_name = "BOOT ID")]
        expect_boot: String,
        /// The operator, as shown to others who find the host locked.
        #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
        by: String,
    },
}

/// The options of `os-plan`.
#[derive(Args)]
pub struct OsPlanArgs {
    #[command(flatten)]
    pub common: Common,
    /// The updates to plan: `security` or `full`.
    #[arg(long, value_name = "SCOPE")]
    pub scope: UpdateScope,
    /// Do not fetch the lists of the package sources first.
    #[arg(long)]
    pub no_refresh: bool,
}

impl OsCommand {
    /// Whether the command prints JSON, for a program to read.
    pub const fn wants_json(&self) -> bool {
        match self {
            Self::OsPlan(OsPlanArgs { common, .. })
            | Self::OsDownload { common }
            | Self::OsUpdate { common, .. }
            | Self::Reboot { common, .. } => common.json,
        }
    }
}
