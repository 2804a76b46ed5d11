//! The command line of the activator.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use nixfleet_activate::engine::plan::target::GenerationRef;
use nixfleet_contract::force::Force;
use nixfleet_contract::login::Login;
use nixfleet_contract::run_id::RunId;

use super::upkeep::{BackupsCommand, GcArgs};

/// Builds NixFleet host closures, and brings a host to the generation a closure describes.
#[derive(Parser)]
#[command(version, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Build a host closure; the builder of its derivation.
    Build {
        /// The attributes of the derivation as Nix writes them.
        #[arg(long, env = "NIX_ATTRS_JSON_FILE", value_name = "FILE")]
        attributes: PathBuf,
    },
    /// Check an intent or a manifest without a host.
    Check {
        /// An intent, the attributes of a derivation, or a manifest; JSON.
        file: PathBuf,
    },
    /// Show what an apply would do. Changes nothing.
    Plan {
        #[command(flatten)]
        common: Common,
        /// The closure to plan for.
        #[arg(long, visible_alias = "closure", value_name = "STORE PATH")]
        target: String,
        /// Its manifest, `-` for standard input, where the closure is not on this machine.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Contents of files follow the manifest on standard input: how long the manifest is, then each of
        /// them.
        #[arg(long, value_name = "BYTES", value_delimiter = ',', requires = "manifest")]
        parts: Vec<usize>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        planning: PlanningArgs,
        /// Name the contents that the host's tools have to look at and that are not here, instead of doing
        /// without.
        #[arg(long, conflicts_with = "parts")]
        name_lacking: bool,
        /// Where there is nothing to do, try the health checks.
        #[arg(long)]
        health_checks: bool,
        #[command(flatten)]
        login: LoginArgs,
    },
    /// Bring the host to a closure, all or nothing.
    Apply {
        #[command(flatten)]
        common: Common,
        /// The closure to apply.
        #[arg(long, value_name = "STORE PATH")]
        closure: String,
        /// The fingerprint of the plan that was agreed to; another plan is refused.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: Option<String>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Go back to a generation of the host, all or nothing.
    Rollback {
        #[command(flatten)]
        common: Common,
        /// A number, or `previous`.
        #[arg(long, default_value = "previous")]
        to: GenerationRef,
        /// Only show what would be done. Changes nothing.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        planning: PlanningArgs,
        /// The fingerprint of the plan that was agreed to; another plan is refused.
        #[arg(long, value_name = "FINGERPRINT")]
        expect: Option<String>,
        #[command(flatten)]
        force: ForceArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Follow a run that was begun over another connection, to its report.
    Follow {
        #[command(flatten)]
        common: Common,
        /// The run.
        #[arg(long, value_name = "RUN")]
        run: RunId,
    },
    /// Confirm a run that waits for it, from a connection made since.
    Confirm {
        #[command(flatten)]
        common: Common,
        /// The run.
        #[arg(long, value_name = "RUN")]
        run: RunId,
        /// A file with what is sent along, such as the results of health checks from elsewhere; `-` for
        /// standard input.
        #[arg(long, value_name = "FILE")]
        said: Option<PathBuf>,
    },
    /// Try the health checks of the generation in force.
    Health {
        #[command(flatten)]
        common: Common,
    },
    /// Put the host right where a run was interrupted. Changes nothing otherwise.
    Recover {
        #[command(flatten)]
        common: Common,
        /// The host is booting: units are left to systemd.
        #[arg(long)]
        boot: bool,
        /// The run that has just ended, well or not.
        #[arg(long, value_name = "RUN", conflicts_with = "boot")]
        behind: Option<RunId>,
    },
    /// Look at a generation in mounts of this process's own; what `apply` starts.
    #[command(hide = true)]
    Preview,
    /// Show how the host stands. Changes nothing.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Show everything that is owned on the host. Changes nothing.
    Inspect {
        #[command(flatten)]
        common: Common,
    },
    /// Drop generations that nobody needs any more.
    Gc(GcArgs),
    /// List, show or drop what was kept before it was replaced.
    Backups {
        #[command(subcommand)]
        command: BackupsCommand,
    },
}

impl Command {
    /// Whether all that it does is to look at the host and print what it finds.
    pub const fn changes_nothing(&self) -> bool {
        matches!(
            self,
            Self::Plan { .. }
                | Self::Rollback { plan: true, .. }
                | Self::Status { .. }
                | Self::Inspect { .. }
        )
    }

    /// Whether standard output is for a program.
    pub const fn wants_json(&self) -> bool {
        match self {
            Self::Build { .. } | Self::Check { .. } | Self::Preview => false,
            Self::Plan { common, .. }
            | Self::Apply { common, .. }
            | Self::Rollback { common, .. }
            | Self::Follow { common, .. }
            | Self::Confirm { common, .. }
            | Self::Recover { common, .. }
            | Self::Health { common }
            | Self::Status { common }
            | Self::Inspect { common } => common.json,
            Self::Gc(args) => args.wants_json(),
            Self::Backups { command } => command.wants_json(),
        }
    }
}

#[derive(Args)]
pub struct Common {
    /// The tree that stands for the host.
    #[arg(long, default_value = "/", value_name = "DIR")]
    pub root: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ForceArgs {
    /// Do it in spite of this objection.
    #[arg(long, value_name = "OBJECTION|PATH", value_delimiter = ',')]
    pub force: Vec<Force>,
}

/// How many characters of a revision are kept: a hash of Git has 40.
const REVISION_LIMIT: usize = 100;

#[derive(Args)]
pub struct RunArgs {
    /// Who runs this, for the lock and for whoever finds it held.
    #[arg(long, default_value = "root@localhost", value_name = "USER@MACHINE")]
    pub by: String,
    /// The revision of the flake that is applied, to be remembered with the generation. A variable, since a
    /// command may be newer than the activator of a closure, which then ignores it.
    #[arg(long, env = "NIXFLEET_REVISION", value_name = "REVISION", overrides_with = "revision")]
    pub revision: Option<String>,
    /// Undo everything unless it is confirmed within this time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub confirm_timeout: Option<u64>,
    #[command(flatten)]
    pub login: LoginArgs,
    /// The name of the run; one is drawn otherwise.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// This process is in a unit of its own already.
    #[arg(long, hide = true, requires = "run")]
    pub in_unit: bool,
}

#[derive(Args)]
pub struct LoginArgs {
    /// Who has logged in here, and has to be able to again afterwards.
    #[arg(long, env = "SUDO_USER", value_name = "USER", overrides_with = "login")]
    pub login: Option<String>,
    /// Over which SSH connection.
    #[arg(long, env = "SSH_CONNECTION", value_name = "ADDRESSES", overrides_with = "connection")]
    pub connection: Option<String>,
}

impl LoginArgs {
    /// Who has to be able to log in again afterwards, if anyone.
    pub fn who(&self) -> Option<Login> {
        Login::of(self.login.as_deref(), self.connection.as_deref())
    }
}

#[derive(Args)]
pub struct PlanningArgs {
    /// Do not have the host's own tools look at the new generation.
    #[arg(long)]
    pub no_validate: bool,
    /// Show the content of files that others on the host may not read.
    #[arg(long)]
    pub show_private: bool,
}

impl RunArgs {
    /// The revision, as much of it as is kept.
    pub fn revision(&self) -> Option<String> {
        let revision: String =
            self.revision.iter().flat_map(|text| text.chars()).take(REVISION_LIMIT).collect();
        (!revision.is_empty()).then_some(revision)
    }

    /// The same once more, for this program in a unit, which has another environment.
    pub fn repeated(&self, run: &RunId) -> Vec<OsString> {
        let run = self.run.is_none().then(|| format!("--run={run}"));
        let LoginArgs { login, connection } = &self.login;
        let login = login.as_ref().map(|login| format!("--login={login}"));
        let connection = connection.as_ref().map(|connection| format!("--connection={connection}"));
        let revision = self.revision().map(|revision| format!("--revision={revision}"));
        [run, login, connection, revision].into_iter().flatten().map(OsString::from).collect()
    }
}
