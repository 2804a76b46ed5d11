//! Runs `switch-to-configuration`, the program with which a NixOS system activates itself.

use std::path::Path;
use std::time::{Duration, Instant};

use nixfleet_contract::SCHEMA;
use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::nixos::{DryActivation, NixosSystem};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AbsPath, UnitName};
use tracing::info;

use super::lock::is_locked;
use super::{RUNNING, is_nixos};
use crate::host::Host;
use crate::host::clock::Since;
use crate::host::command::{self, Finished};
use crate::host::systemd::{Systemd, describe};
use crate::toplevel;

/// The exit code of `switch-to-configuration` if the system is active, but units failed.
const UNITS_FAILED: i32 = 4;

/// The time limit for one run of `switch-to-configuration`, unless the fleet sets another one. By default, a
/// unit may take 90 seconds to stop and as long to start, and several units may have to wait for each other.
pub const LIMIT: Duration = Duration::from_secs(900);

/// The time limit for `switch-to-configuration dry-activate`, which only reads.
const DRY_LIMIT: Duration = Duration::from_secs(100);

/// The time to wait for another run of `switch-to-configuration` during an undo.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

/// An action of `switch-to-configuration`, the program that each NixOS system contains. The actions and their
/// exit codes are those of nixpkgs, `pkgs/by-name/sw/switch-to-configuration-ng`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the checks of the system that may refuse an activation.
    Check,
    /// Activate the system without making it the boot default.
    Test,
    /// Install the boot loader with the system as the boot default.
    Boot,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Test => "test",
            Self::Boot => "boot",
        }
    }
}

/// How a system is switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The checks of the system may refuse the action.
    Run,
    /// The checks are skipped, because the host goes back to a system that it had.
    Skip,
}

/// Runs `switch-to-configuration` of a system. If the host is a directory tree and not a machine, the program
/// runs only in tests. Returns a note if the host went back to a system, but some units of it failed.
///
/// # Errors
/// [`Code::System`] with the last words of the program.
pub fn switch(
    host: &Host,
    system: &AbsPath,
    action: Action,
    checks: Checks,
) -> Result<Option<String>, Problem> {
    switch_within(host, system, (action, checks), LIMIT)
}

/// Like [`switch`], with a time limit.
///
/// # Errors
/// Fails in the same cases as [`switch`], and after the time limit.
pub fn switch_within(
    host: &Host,
    system: &AbsPath,
    (action, checks): (Action, Checks),
    limit: Duration,
) -> Result<Option<String>, Problem> {
    if !host.is_machine() && !cfg!(feature = "fault-injection") {
        return Ok(None);
    }
    let program = Path::new(&**system).join(toplevel::SWITCH);
    let program = program.to_string_lossy();
    let mut argv = Vec::new();
    if checks == Checks::Skip {
        argv.extend(["env", "NIXOS_NO_CHECK=1"]);
    }
    argv.extend([&program, action.word()]);
    info!(%system, action = action.word(), "switching the NixOS system");
    let (began, since) = (Instant::now(), Since::now());
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        let finished = command::run(&argv, limit).map_err(|error| failed(system, action).because(error))?;
        // Systems of older releases do not know the action `check`, and have no checks.
        let has_no_checks = action == Action::Check && finished.stderr.contains("Usage:");
        if finished.success() || has_no_checks {
            return Ok(None);
        }
        // The former system is active again, even if some of its units fail as they did before.
        if checks == Checks::Skip && action == Action::Test && code(&finished) == Some(UNITS_FAILED) {
            return Ok(Some(format!("units of the NixOS system failed: {}", finished.why())));
        }
        // Another program switches the system. An undo waits for it, since the host must not stay as it is.
        if checks == Checks::Skip && is_locked(host) && began.elapsed() < LOCK_PATIENCE {
            std::thread::sleep(backoff.pause());
            continue;
        }
        return Err(failed(system, action).because(why(host, &finished, since, limit)));
    }
}

fn failed(system: &AbsPath, action: Action) -> Problem {
    let (what, help) = match action {
        Action::Check => (
            "a check of the NixOS system refuses its activation",
            "correct what the check names, then apply again",
        ),
        Action::Test => (
            "the NixOS system could not be activated",
            "to see the whole output, run on the host: journalctl --boot --identifier nixos",
        ),
        Action::Boot => (
            "the boot loader could not be installed",
            "check the free space of /boot and the boot loader on the host, then apply again",
        ),
    };
    Problem::new(Code::System, what).at(system).help(help)
}

/// Asks a system what its activation would do.
///
/// # Errors
/// [`Code::System`] if the closure has no system, or if the program fails.
pub fn dry_activate(host: &Host, system: Option<&NixosSystem>) -> Result<DryActivation, Problem> {
    let Some(NixosSystem { toplevel, .. }) = system.filter(|_| is_nixos(host)) else {
        return Err(Problem::new(Code::System, "there is no NixOS system to activate").at(RUNNING));
    };
    let program = Path::new(&**toplevel).join(toplevel::SWITCH);
    let refused = |why: String| {
        Problem::new(Code::System, "NixOS could not foresee the activation").at(toplevel).because(why)
    };
    let argv = [program.to_string_lossy().into_owned(), "dry-activate".to_owned()];
    let finished = command::run(&argv, DRY_LIMIT).map_err(|error| refused(error.to_string()))?;
    if !finished.success() {
        return Err(refused(finished.why()));
    }
    let lines = finished.stderr.lines().chain(finished.stdout.lines()).map(str::to_owned);
    Ok(DryActivation { schema: SCHEMA, lines: lines.collect() })
}

/// The maximum number of failed units of which the last messages are shown.
const SHOWN: usize = 3;

/// Returns the units in the line `warning: the following units failed: a.service, b.service`.
fn failed_units(said: &str) -> Vec<UnitName> {
    let names = said.lines().find_map(|line| line.split_once("the following units failed:"));
    names
        .into_iter()
        .flat_map(|(_, names)| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

/// Describes why `switch-to-configuration` failed: first what its exit code means, then the messages of the
/// units that failed, or its last lines. `since`: when it began.
fn why(host: &Host, finished: &Finished, since: Since, limit: Duration) -> String {
    if finished.status.is_none() {
        return format!(
            "it did not end within {} s and was killed; nixfleet.activationTimeout sets this limit",
            limit.as_secs()
        );
    }
    let meaning = match code(finished) {
        Some(2) => "the activation script failed",
        Some(UNITS_FAILED) => "units failed",
        Some(100) => "the new system needs a boot, because its `init` is different",
        _ => "",
    };
    let mut units = failed_units(&finished.stderr);
    if let (Some(systemd), false) = (Systemd::of(host), units.is_empty()) {
        let more = units.len().saturating_sub(SHOWN);
        units.truncate(SHOWN);
        let others = if more > 0 { format!("\nand {more} more units") } else { String::new() };
        return format!("{meaning}: {}{others}", describe(systemd, &units, since))
            .trim_start_matches(": ")
            .to_owned();
    }
    // Checks and activation scripts write to standard output, and the program itself to standard error.
    let words = finished.why_of_both();
    if meaning.is_empty() { words } else { format!("{meaning}\n{words}") }
}

fn code(finished: &Finished) -> Option<i32> {
    finished.status?.code()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_units_are_found_in_what_the_program_said() {
        let said = "starting the following units: a.service\n\
                    warning: the following units failed: a.service, b@1.service\n\
                    × a.service - A\n";
        let names: Vec<String> = failed_units(said).into_iter().map(String::from).collect();
        assert_eq!(names, ["a.service", "b@1.service"]);
        assert!(failed_units("all is well").is_empty());
    }
}
