//! The definition of the command line, with one file per subcommand.

mod age;
mod apply;
mod backups;
mod bootstrap;
mod check;
mod count;
mod doctor;
mod exit;
mod explain;
mod flake;
mod force;
mod forget;
mod gc;
mod history;
mod host;
mod hosts;
mod import;
mod order;
mod os_update;
mod plan;
mod planning;
mod reboot;
mod rollback;
mod rollout;
mod run;
mod shown;
mod status;
mod targets;
mod window;

use clap::{CommandFactory, Parser, Subcommand};

pub use apply::ApplyArgs;
pub use backups::{BackupsArgs, BackupsCommand, BackupsDropArgs, BackupsListArgs, BackupsShowArgs};
pub use bootstrap::{BootstrapArgs, LoginArgs};
pub use check::CheckArgs;
pub use doctor::DoctorArgs;
pub use exit::ExitArgs;
pub use explain::ExplainArgs;
pub use flake::FlakeArgs;
pub use force::ForceArgs;
pub use forget::ForgetArgs;
pub use gc::GcArgs;
pub use history::{HistoryArgs, HistoryCommand};
pub use host::{AdoptArgs, HostArgs, HostCommand, HostKeyArgs};
pub use hosts::HostsArgs;
pub use import::{ImportArgs, ImportCommand, ImportFlakeArgs, ImportOutArgs};
pub use order::subcommand_first;
pub use os_update::OsUpdateArgs;
pub use plan::PlanArgs;
pub use planning::PlanningArgs;
pub use reboot::RebootArgs;
pub use rollback::RollbackArgs;
pub use rollout::RolloutArgs;
pub use run::RunArgs;
pub use shown::shown;
pub use status::StatusArgs;
pub use targets::{SelectionArgs, TargetArgs};
pub use window::WindowArgs;

/// One inventory, one command for fleets of Ubuntu, Debian and NixOS hosts.
#[derive(Debug, Parser)]
#[command(
    name = "nixfleet",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub output: OutputArgs,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    every host is ok, unchanged, deferred, or partial without a failure; hosts that the inventory excludes are
       ignored; with --fail-deferred, deferred and partial hosts lead to exit code 2
  1    the command line, the flake or the inventory is wrong, or you declined; nothing was changed
  2    a host failed, was rolled back, was blocked, is partial with a failure, or could not be reached; or the output
       could not be written
  3    the plan has changes (only with `plan --exit-code`)
  130  interrupted; hosts that had started were left to finish

Diagnostics on standard error, without secrets:
  NIXFLEET_LOG         what to log, instead of -vv: debug, or TARGET=LEVEL, such as nixfleet::ssh=trace
  NIXFLEET_LOG_FORMAT  text (the default), or json: one object per line";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what would change on each host, and change nothing
    Plan(PlanArgs),
    /// Change hosts to match the flake
    Apply(ApplyArgs),
    /// Show the state of each host: generation, drift, units
    Status(StatusArgs),
    /// Run the health checks of each host
    Check(CheckArgs),
    /// Return hosts to an earlier generation
    Rollback(RollbackArgs),
    /// Install updates of the operating system on Ubuntu and Debian hosts
    OsUpdate(OsUpdateArgs),
    /// Reboot hosts, in their windows and a few at a time
    Reboot(RebootArgs),
    /// Run a command on hosts
    Run(RunArgs),
    /// Show the commands that were run from this machine: who, when, what, and the result for each host
    History(HistoryArgs),
    /// List the hosts of the inventory
    Hosts(HostsArgs),
    /// Prepare hosts that have only an SSH server: Nix, the SSH user, sudo, the host key
    Bootstrap(BootstrapArgs),
    /// Record the keys of hosts
    Host(HostArgs),
    /// Find out what is missing on this machine and on hosts, and how to correct it
    Doctor(DoctorArgs),
    /// Take hosts out of the management of NixFleet
    Forget(ForgetArgs),
    /// Write a fleet.nix with the hosts of Ansible, ssh, colmena or deploy-rs
    Import(ImportArgs),
    /// Drop generations that hosts no longer need
    Gc(GcArgs),
    /// List, show or drop backups of what NixFleet replaced or removed on hosts
    Backups(BackupsArgs),
    /// Explain an error code: usual causes, and what to do
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell to print the script for
        shell: clap_complete::Shell,
    },
    /// Print the possible completions of the last word; used by completion scripts
    #[command(name = "__complete", hide = true)]
    Complete {
        /// The words after the program's own name, up to the cursor
        #[arg(last = true)]
        words: Vec<String>,
    },
    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// The directory to write to
        directory: std::path::PathBuf,
    },
    /// Write the reference pages of the command line, of the errors and of the events
    #[command(hide = true)]
    Docs {
        /// The directory to write to
        #[arg(default_value = "docs/reference")]
        directory: std::path::PathBuf,
    },
}

/// Returns the command line without its hidden subcommands, for completions and manual pages.
pub fn visible() -> clap::Command {
    let whole = Cli::command();
    let shown: Vec<clap::Command> =
        whole.get_subcommands().filter(|each| !each.is_hide_set()).cloned().collect();
    let arguments: Vec<clap::Arg> = whole.get_arguments().cloned().collect();
    let mut visible = clap::Command::new("nixfleet")
        .max_term_width(100)
        .subcommand_required(true)
        .after_long_help(EXIT_CODES)
        .args(arguments)
        .subcommands(shown);
    if let Some(about) = whole.get_about() {
        visible = visible.about(about.clone());
    }
    visible.version(env!("CARGO_PKG_VERSION"))
}

impl OutputArgs {
    /// Returns whether a program reads the output. In this case, no tables are printed and no questions are
    /// asked.
    pub const fn is_for_programs(self) -> bool {
        self.json || self.events
    }

    /// Returns whether results are shown in full.
    pub const fn verbose(self) -> bool {
        self.verbosity > 0
    }
}

impl Command {
    /// Returns whether the history records the subcommand. It records the subcommands that plan or make
    /// changes on hosts, or run commands on hosts.
    pub const fn is_recorded(&self) -> bool {
        match self {
            Self::Plan(_)
            | Self::Apply(_)
            | Self::Rollback(_)
            | Self::OsUpdate(_)
            | Self::Run(_)
            | Self::Bootstrap(_)
            | Self::Host(_)
            | Self::Forget(_)
            | Self::Gc(_) => true,
            Self::Backups(args) => matches!(args.what, BackupsCommand::Drop(_)),
            Self::Reboot(args) => !args.schedule,
            Self::Doctor(_)
            | Self::Status(_)
            | Self::Check(_)
            | Self::History(_)
            | Self::Hosts(_)
            | Self::Import(_)
            | Self::Explain(_)
            | Self::Completions { .. }
            | Self::Complete { .. }
            | Self::Man { .. }
            | Self::Docs { .. } => false,
        }
    }

    /// Returns whether a host counts as failed if it is deferred, or partial for a reason that is no failure.
    pub const fn fails_deferred(&self) -> bool {
        match self {
            Self::Apply(args) => args.exit.fail_deferred,
            Self::Rollback(args) => args.exit.fail_deferred,
            Self::OsUpdate(args) => args.exit.fail_deferred,
            Self::Reboot(args) => args.exit.fail_deferred,
            _ => false,
        }
    }

    /// Returns the name of the subcommand on the command line and in the JSON document.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Status(_) => "status",
            Self::Check(_) => "check",
            Self::Rollback(_) => "rollback",
            Self::OsUpdate(_) => "os-update",
            Self::Reboot(_) => "reboot",
            Self::Run(_) => "run",
            Self::History(_) => "history",
            Self::Hosts(_) => "hosts",
            Self::Bootstrap(_) => "bootstrap",
            Self::Host(_) => "host",
            Self::Doctor(_) => "doctor",
            Self::Forget(_) => "forget",
            Self::Import(_) => "import",
            Self::Gc(_) => "gc",
            Self::Backups(_) => "backups",
            Self::Explain(_) => "explain",
            Self::Completions { .. } => "completions",
            Self::Complete { .. } => "__complete",
            Self::Man { .. } => "man",
            Self::Docs { .. } => "docs",
        }
    }
}

/// Arguments for the output, common to all subcommands.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one JSON document on standard output, and nothing else
    #[arg(long, global = true)]
    pub json: bool,

    /// Print each event as a line of JSON on standard output when it happens, and nothing else
    #[arg(long, global = true, conflicts_with = "json")]
    pub events: bool,

    /// Show more: full diffs, full traces of Nix, all generations and units. Twice: also log each program,
    /// connection and attempt on standard error. Three times: log everything
    #[arg(short, long = "verbose", global = true, action = clap::ArgAction::Count)]
    pub verbosity: u8,
}
