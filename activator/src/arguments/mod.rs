//! The command line of the activator.

mod common;
mod disk_space;
mod forget;
mod os;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use nixfleet_activate::engine::plan::target::GenerationRef;
use nixfleet_contract::run_id::RunId;

pub use common::{Common, ForceArgs, LoginArgs, PlanningArgs, RunArgs};
pub use disk_space::{BackupsCommand, GcArgs};
pub use forget::ForgetArgs;
pub use os::{OsCommand, OsPlanArgs};

/// Build NixFleet host closures, and activate them on a host.
#[derive(Parser)]
#[command(version, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Build a host closure, as the builder of its derivation.
    Build {
        /// The JSON file with the attributes of the derivation, as Nix writes it.
        #[arg(long, env = "NIX_ATTRS_JSON_FILE", value_name = "FILE")]
        attributes: PathBuf,
    },
    /// Check an intent or a manifest without a host.
    Check {
        /// A JSON file with an intent, the attributes of a derivation, or a manifest.
        file: PathBuf,
    },
    /// Show what an apply would do, without changing anything.
    Plan {
        #[command(flatten)]
        common: Common,
        /// The closure to plan for.
        #[arg(long, visible_alias = "closure", value_name = "STORE PATH")]
        target: String,
        /// The manifest of the closure, if the closure is not on this machine; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// The lengths of the manifest and of each file content that follows it on standard input, in bytes.
        #[arg(long, value_name = "BYTES", value_delimiter = ',', requires = "manifest")]
        parts: Vec<usize>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        planning: PlanningArgs,
        /// Instead of validating, list the file contents that validation needs and this machine does not
        /// have.
        #[arg(long, conflicts_with = "parts")]
        name_lacking: bool,
        /// Run the health checks if the host needs no change.
        #[arg(long)]
        health_checks: bool,
        #[command(flatten)]
        login: LoginArgs,
    },
    /// Apply a closure to the host, as one transaction.
    Apply {
        #[command(flatten)]
        common: Common,
        /// The closure to apply.
        #[arg(long, value_name = "STORE PATH")]
        closure: String,
        /// Refuse to continue unless the plan has this fingerprint.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: Option<String>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Ask NixOS what the activation of a closure's system would do, without changing anything.
    DryActivate {
        #[command(flatten)]
        common: Common,
        /// The closure.
        #[arg(long, value_name = "STORE PATH")]
        closure: String,
    },
    /// Download the packages of apt that an apply of a closure would install, without installing them.
    Download {
        #[command(flatten)]
        common: Common,
        /// The closure.
        #[arg(long, value_name = "STORE PATH")]
        closure: String,
    },
    /// Roll back to a generation of the host, as one transaction.
    Rollback {
        #[command(flatten)]
        common: Common,
        /// The number of the generation, or `previous`.
        #[arg(long, default_value = "previous")]
        to: GenerationRef,
        /// Show what would be done, without changing anything.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        planning: PlanningArgs,
        /// Refuse to continue unless the plan has this fingerprint.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: Option<String>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Follow a run that was started over another connection, until it reports.
    Follow {
        #[command(flatten)]
        common: Common,
        /// The name of the run.
        #[arg(long, value_name = "RUN")]
        run: RunId,
    },
    /// Confirm a run that waits for a confirmation. Call this over a connection that was made after the
    /// change.
    Confirm {
        #[command(flatten)]
        common: Common,
        /// The name of the run.
        #[arg(long, value_name = "RUN")]
        run: RunId,
        /// A JSON file with the confirmation, which can carry results of health checks that ran elsewhere;
        /// `-` for standard input.
        #[arg(long, value_name = "FILE")]
        said: Option<PathBuf>,
    },
    /// Run the health checks of the generation in force.
    Health {
        #[command(flatten)]
        common: Common,
    },
    /// Recover the host if a run was interrupted. Otherwise, change nothing.
    Recover {
        #[command(flatten)]
        common: Common,
        /// The host is booting: leave its units to systemd.
        #[arg(long)]
        boot: bool,
        /// The name of a run that has just ended: recover the host unless that run succeeded.
        // The unit of a run that an older version started calls this option `--behind`.
        #[arg(long, alias = "behind", value_name = "RUN", conflicts_with = "boot")]
        after: Option<RunId>,
    },
    /// Give paths to the accounts that the activation of a NixOS system has created, on behalf of another
    /// activator process.
    #[command(hide = true)]
    GiveOwners {
        #[command(flatten)]
        common: Common,
    },
    /// Validate a generation in a private mount namespace, on behalf of another activator process.
    #[command(hide = true)]
    Preview,
    /// Tell what a transaction of apt would change, as a hook that apt starts.
    #[command(hide = true)]
    AptHook,
    /// Check a transaction just before dpkg starts, as a guard that apt starts.
    #[command(hide = true)]
    AptGuard,
    /// Show the status of the host, without changing anything.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Show everything that NixFleet owns on the host, without changing anything.
    Inspect {
        #[command(flatten)]
        common: Common,
    },
    #[command(flatten)]
    Os(OsCommand),
    /// Drop generations that nothing needs.
    Gc(GcArgs),
    /// Remove the records of NixFleet from a host that leaves its management.
    Forget(ForgetArgs),
    /// List, show or drop backups of replaced content.
    Backups {
        #[command(subcommand)]
        command: BackupsCommand,
    },
}

impl Command {
    /// Whether the command only reads the host and prints what it finds.
    pub const fn changes_nothing(&self) -> bool {
        matches!(
            self,
            Self::Plan { .. }
                | Self::Rollback { plan: true, .. }
                | Self::Status { .. }
                | Self::Inspect { .. }
        )
    }

    /// Whether the command prints JSON, for a program to read.
    pub const fn wants_json(&self) -> bool {
        match self {
            Self::Build { .. }
            | Self::Check { .. }
            | Self::GiveOwners { .. }
            | Self::Preview
            | Self::AptHook
            | Self::AptGuard => false,
            Self::Plan { common, .. }
            | Self::Apply { common, .. }
            | Self::Rollback { common, .. }
            | Self::Follow { common, .. }
            | Self::Confirm { common, .. }
            | Self::Recover { common, .. }
            | Self::Health { common }
            | Self::DryActivate { common, .. }
            | Self::Download { common, .. }
            | Self::Status { common }
            | Self::Inspect { common } => common.json,
            Self::Os(command) => command.wants_json(),
            Self::Gc(args) => args.wants_json(),
            Self::Forget(args) => args.wants_json(),
            Self::Backups { command } => command.wants_json(),
        }
    }
}
