//! The transient systemd unit of a run. The unit keeps running if the connection of the client is lost.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run_id::RunId;

use super::command;

/// The time limit for a response from systemd.
const LIMIT: Duration = Duration::from_secs(60);

/// The transient unit of a run.
#[derive(Debug)]
pub struct Transient {
    name: String,
    /// The `systemd-run` process that starts the unit, or `None` after it has ended.
    starter: Option<Child>,
}

impl Transient {
    /// Starts this program again with the given arguments, in a transient unit. If the program in the unit is
    /// killed, systemd runs the recovery of the host.
    ///
    /// # Errors
    /// Fails with [`Code::Unit`] if `systemd-run` cannot be started.
    pub fn start(
        run: &RunId,
        is_nixos: bool,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, Problem> {
        let name = unit_name(run);
        let program = env::current_exe().map_err(|error| not_started(&name).because(error))?;
        let shown = program.to_string_lossy();
        #[expect(clippy::disallowed_methods, reason = "it is waited for while its unit is followed")]
        let starter = Command::new("systemd-run")
            .env_clear()
            .env("PATH", command::path())
            .args(["--quiet", "--collect", "--no-ask-password", "--service-type=exec"])
            .arg(format!("--unit={name}"))
            .arg(format!("--description=NixFleet changes this host (run {run})"))
            .arg(format!("--property=ExecStopPost={shown} recover --behind {run}"))
            // When memory is short, the kernel should kill other processes rather than one that is changing
            // the host.
            .arg("--property=OOMScoreAdjust=-900")
            // The recovery may activate the former NixOS system, which takes longer than systemd allows by
            // default.
            .args(is_nixos.then_some("--property=TimeoutStopSec=2100"))
            .arg("--")
            .arg(escaped(program.as_os_str()))
            .args(arguments.into_iter().map(|argument| escaped(&argument)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| not_started(&name).because(error))?;
        Ok(Self { name, starter: Some(starter) })
    }

    /// Returns the unit of a run that another process has started.
    #[must_use]
    pub fn of(run: &RunId) -> Self {
        Self { name: unit_name(run), starter: None }
    }

    /// Checks that the run has started or is about to start, and has not ended.
    ///
    /// # Errors
    /// Fails with [`Code::Unit`] if the unit could not be started, or [`Code::Interrupted`] if the run has
    /// ended.
    pub fn check(&mut self) -> Result<(), Problem> {
        if let Some(starter) = &mut self.starter {
            match starter.try_wait() {
                Ok(None) => return Ok(()),
                Ok(Some(status)) if status.success() => self.starter = None,
                Ok(Some(status)) => {
                    return Err(not_started(&self.name).because(format!("systemd-run ended with {status}")));
                }
                Err(error) => return Err(not_started(&self.name).because(error)),
            }
        }
        let shown = command::run(&["systemctl", "is-active", "--", &self.name], LIMIT)
            .map_err(|error: io::Error| not_started(&self.name).because(error))?;
        // The unit is `deactivating` while the recovery runs.
        if matches!(shown.stdout.trim(), "active" | "activating" | "deactivating" | "reloading") {
            return Ok(());
        }
        Err(Problem::new(Code::Interrupted, "the run ended without a report")
            .at(&self.name)
            .because(format!("the systemd unit of the run is {}", shown.stdout.trim()))
            .help(format!(
                "inspect `journalctl -n 50 -u {}` on the host, then apply again to recover the host",
                self.name
            )))
    }
}

fn unit_name(run: &RunId) -> String {
    format!("nixfleet-run-{run}.service")
}

/// Escapes a word of a command line for systemd, which would otherwise expand variables in it.
fn escaped(word: &std::ffi::OsStr) -> OsString {
    word.to_string_lossy().replace('$', "$$").into()
}

fn not_started(unit: &str) -> Problem {
    Problem::new(Code::Unit, "the run could not be started as a systemd unit, and nothing was changed")
        .at(unit)
        .help("inspect `journalctl -n 20` on the host, then apply again")
}
