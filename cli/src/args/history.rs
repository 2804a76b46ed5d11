//! The arguments of `nixfleet history`.

use clap::{Args, Subcommand};

/// Arguments of `history`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  nixfleet history                        show the last commands that planned or changed hosts from this machine
  nixfleet history --host web-1           show the commands that reached a host, and the results
  nixfleet history show last              show everything that is recorded about the last command
  nixfleet history show kbzq              show a command by the beginning or end of its name
  nixfleet history --limit 100 --json     print the last 100 commands for a program")]
pub struct HistoryArgs {
    #[command(subcommand)]
    pub what: Option<HistoryCommand>,

    /// Show only commands that reached this host; a pattern such as 'web-*' selects several hosts
    #[arg(long, value_name = "NAME", help_heading = "History")]
    pub host: Option<String>,

    /// Show this many of the newest commands
    #[arg(long, value_name = "N", default_value = "20", help_heading = "History")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// Subcommands of `history`.
#[derive(Clone, Debug, Subcommand)]
pub enum HistoryCommand {
    /// Show everything that is recorded about one command, host by host
    Show {
        /// The name of the command or of the rollout that it started, the beginning or the end of this name,
        /// or `last`
        id: String,
    },
}
