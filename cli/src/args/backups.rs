//! The arguments of `nixfleet backups`.

use clap::{Args, Subcommand};

use super::age::age;
use super::{FlakeArgs, TargetArgs};

/// Arguments of `backups`.
#[derive(Clone, Debug, Args)]
pub struct BackupsArgs {
    #[command(subcommand)]
    pub what: BackupsCommand,
}

/// Subcommands of `backups`.
#[derive(Clone, Debug, Subcommand)]
pub enum BackupsCommand {
    /// List the backups of hosts: hand edits and originals
    List(BackupsListArgs),
    /// Print the content of a backup
    Show(BackupsShowArgs),
    /// Drop backups from hosts
    Drop(BackupsDropArgs),
}

/// Arguments of `backups list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet backups list                     list the backups of all hosts
  nixfleet backups list --path /etc/nginx   list the backups of this path and of paths below it")]
pub struct BackupsListArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    /// List only backups of this path and of paths below it; a pattern such as '/etc/*.conf' selects several
    /// paths
    #[arg(long, help_heading = "Backups", value_name = "PATH")]
    pub path: Vec<String>,
}

/// Arguments of `backups show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet backups show web-1 /etc/nginx/nginx.conf                   print the newest backup of this path
  nixfleet backups show web-1 /etc/nginx/nginx.conf --generation 7    print the backup made by the change to generation 7
  nixfleet backups show web-1 /etc/nginx/nginx.conf --original        print the content from before NixFleet
  nixfleet backups show web-1 /etc/motd | diff - ./motd               pass the unchanged content to a program")]
pub struct BackupsShowArgs {
    #[command(flatten)]
    pub flake: FlakeArgs,

    /// The host that has the backup
    pub host: String,

    /// The path that was backed up, or the path of the backup itself on the host
    pub path: String,

    /// Show the backup that the change to this generation made
    #[arg(long, help_heading = "Backups", value_name = "N", conflicts_with = "original")]
    pub generation: Option<u64>,

    /// Show what was at the path before NixFleet managed it
    #[arg(long, help_heading = "Backups")]
    pub original: bool,
}

/// Arguments of `backups drop`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
#[command(after_help = "\
Examples:
  nixfleet backups drop --older-than 90d --dry-run           show which backups would be dropped
  nixfleet backups drop --host web-1 --path '/etc/nginx/*'   drop the backups of these paths on one host
  nixfleet backups drop --original /etc/motd                 drop the original of a path that is still managed

The original of a managed path is not dropped, because it is restored when management of the path ends. Only --original
with this path drops it. When management ends, the path is then removed, and nothing is restored.")]
pub struct BackupsDropArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    /// Drop backups of this path and of paths below it; a pattern such as '/etc/*.conf' selects several paths
    #[arg(long, help_heading = "Backups", value_name = "PATH", group = "which")]
    pub path: Vec<String>,

    /// Drop only backups that are older than this, such as 12h, 30d or 8w
    #[arg(long, help_heading = "Backups", value_name = "AGE", value_parser = age, group = "which")]
    pub older_than: Option<u64>,

    /// Drop all backups
    #[arg(long, help_heading = "Backups", group = "which")]
    pub all: bool,

    /// Drop the original of this path, although it would be restored when management of the path ends
    #[arg(long, help_heading = "Backups", value_name = "PATH", group = "which")]
    pub original: Vec<String>,

    /// Show what would be dropped, and change nothing
    #[arg(long, help_heading = "Backups")]
    pub dry_run: bool,

    /// Do not ask before dropping backups
    #[arg(short, long, help_heading = "Backups")]
    pub yes: bool,
}
