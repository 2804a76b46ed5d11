//! The transient systemd unit of a run. The unit keeps running if the connection of the client is lost.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run_id::RunId;
use nixfleet_contract::values::UnitName;

use super::command;

/// The start of the names of all transient units of runs.
const PREFIX: &str = "nixfleet-run-";

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
            .args(properties(&shown, run, is_nixos))
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

/// Returns the properties of the unit of a run. `program`: the activator.
fn properties(program: &str, run: &RunId, is_nixos: bool) -> Vec<String> {
    let mut properties = vec![
        format!("--property=ExecStopPost={program} recover --after {run}"),
        // When memory is short, the kernel should kill other processes rather than one that is changing the
        // host.
        "--property=OOMScoreAdjust=-900".to_owned(),
    ];
    if is_nixos {
        // While the unit stops, the recovery may activate the former NixOS system. The recovery itself limits
        // the time of this activation, and `nixfleet.activationTimeout` may be as long as a day. If systemd
        // ended the recovery earlier, the host would stay between two systems.
        properties.push("--property=TimeoutStopSec=infinity".to_owned());
    }
    properties
}

fn unit_name(run: &RunId) -> String {
    format!("{PREFIX}{run}.service")
}

/// Whether a unit is the transient unit of a run. Such a unit ends by itself, and nothing can start it again.
#[must_use]
pub fn is_run(unit: &UnitName) -> bool {
    unit.starts_with(PREFIX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_does_not_limit_the_recovery_of_a_nixos_host() {
        let run: RunId = RunId::of(1);
        let limits = |is_nixos| {
            let properties = properties("/activate", &run, is_nixos).into_iter();
            properties.filter(|property| property.contains("TimeoutStopSec")).collect::<Vec<_>>()
        };
        assert_eq!(limits(true), ["--property=TimeoutStopSec=infinity"]);
        assert!(limits(false).is_empty());
    }
}
