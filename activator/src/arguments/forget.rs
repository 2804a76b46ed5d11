//! The arguments of `forget`.

use std::path::PathBuf;

use clap::Args;
use nixfleet_contract::forget::ForgetMode;

use super::Common;

/// The options of `forget`.
#[derive(Args)]
pub struct ForgetArgs {
    #[command(flatten)]
    pub common: Common,
    /// `leave`: everything declared stays as it is. `clean`: nothing may be declared any more.
    #[arg(long, value_name = "MODE")]
    pub mode: ForgetMode,
    /// Show what would be removed, without changing anything.
    #[arg(long)]
    pub dry_run: bool,
    /// A file with the paths of directories that NixFleet created, one a line; `-` for standard input. The
    /// report names those that still exist.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub directories: Option<PathBuf>,
    /// The operator, as shown to others who find the host locked.
    #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
    pub by: String,
}

impl ForgetArgs {
    /// Whether the command prints JSON, for a program to read.
    pub const fn wants_json(&self) -> bool {
        self.common.json
    }
}
