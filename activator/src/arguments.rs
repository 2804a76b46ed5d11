//! The command line of the activator.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use nixfleet_activate::engine::plan::target::GenerationRef;
use nixfleet_contract::force::Force;
use nixfleet_contract::login::Login;
use nixfleet_contract::run_id::RunId;

use super::forget::ForgetArgs;
use super::upkeep::{BackupsCommand, GcArgs};

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
        #[arg(long, value_name = "RUN", conflicts_with = "boot")]
        behind: Option<RunId>,
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
            Self::Gc(args) => args.wants_json(),
            Self::Forget(args) => args.wants_json(),
            Self::Backups { command } => command.wants_json(),
        }
    }
}

#[derive(Args)]
pub struct Common {
    /// The root directory of the host.
    #[arg(long, default_value = "/", value_name = "DIR")]
    pub root: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ForceArgs {
    /// Overrule this objection, or leave this path as it is.
    #[arg(long, value_name = "OBJECTION|PATH", value_delimiter = ',')]
    pub force: Vec<Force>,
}

/// The maximum length of a recorded revision, in characters. A Git hash has 40.
const REVISION_LIMIT: usize = 100;

#[derive(Args)]
pub struct RunArgs {
    /// The operator, as shown to others who find the host locked.
    #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
    pub by: String,
    /// The revision of the flake, to record with the generation.
    ///
    /// The command passes the revision in the environment, because an older activator ignores an unknown
    /// variable, but rejects an unknown option.
    #[arg(long, env = "NIXFLEET_REVISION", value_name = "REVISION", overrides_with = "revision")]
    pub revision: Option<String>,
    /// Undo the change unless it is confirmed within this time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub confirm_timeout: Option<u64>,
    #[command(flatten)]
    pub login: LoginArgs,
    /// The name of the run; random by default.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// This process already runs in the systemd unit of the run.
    #[arg(long, hide = true, requires = "run")]
    pub in_unit: bool,
}

#[derive(Args)]
pub struct LoginArgs {
    /// The user who logged in to this host, and must still be able to log in after the change.
    #[arg(long, env = "SUDO_USER", value_name = "USER", overrides_with = "login")]
    pub login: Option<String>,
    /// The SSH connection of that user, in the format of `SSH_CONNECTION`.
    #[arg(long, env = "SSH_CONNECTION", value_name = "ADDRESSES", overrides_with = "connection")]
    pub connection: Option<String>,
}

impl LoginArgs {
    /// Returns the login that must still work after the change, if any.
    pub fn who(&self) -> Option<Login> {
        Login::of(self.login.as_deref(), self.connection.as_deref())
    }
}

#[derive(Args)]
pub struct PlanningArgs {
    /// Do not validate the new generation with the host's own tools.
    #[arg(long)]
    pub no_validate: bool,
    /// Show the content of files that other users on the host cannot read.
    #[arg(long)]
    pub show_private: bool,
}

impl RunArgs {
    /// Returns the revision, cut to the maximum length; `None` if it is empty.
    pub fn revision(&self) -> Option<String> {
        let revision: String =
            self.revision.iter().flat_map(|text| text.chars()).take(REVISION_LIMIT).collect();
        (!revision.is_empty()).then_some(revision)
    }

    /// Returns extra options for running this program again in a unit: the name of the run, and the values
    /// that may come from environment variables, which the unit does not inherit.
    pub fn repeated(&self, run: &RunId) -> Vec<OsString> {
        let run = self.run.is_none().then(|| format!("--run={run}"));
        let LoginArgs { login, connection } = &self.login;
        let login = login.as_ref().map(|login| format!("--login={login}"));
        let connection = connection.as_ref().map(|connection| format!("--connection={connection}"));
        let revision = self.revision().map(|revision| format!("--revision={revision}"));
        [run, login, connection, revision].into_iter().flatten().map(OsString::from).collect()
    }
}
