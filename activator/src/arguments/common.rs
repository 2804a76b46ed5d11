//! The arguments that several commands have.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use nixfleet_contract::force::Force;
use nixfleet_contract::login::Login;
use nixfleet_contract::run_id::RunId;

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
