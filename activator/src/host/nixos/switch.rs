//! Runs `switch-to-configuration`, the program with which a NixOS system activates itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::SCHEMA;
use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::nixos::{DryActivation, NixosSystem};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AbsPath, UnitName};
use tracing::info;

use super::failures::{Failures, Tolerated};
use super::lock::is_locked as is_held;
use super::{RUNNING, is_nixos, running};
use crate::diagnostics::retried;
use crate::host::Host;
use crate::host::clock::Since;
use crate::host::command::{self, Finished};
use crate::host::systemd::{Systemd, describe};
use crate::toplevel;

/// The exit code of `switch-to-configuration` if the system is active, but units failed.
const UNITS_FAILED: i32 = 4;

/// The time limit for one run of `switch-to-configuration`, unless the fleet sets another limit. By default,
/// a unit may take 90 seconds to stop and 90 seconds to start, and several units may have to wait for each
/// other.
pub const LIMIT: Duration = Duration::from_secs(900);

/// The link in the native profile that points to the boot default.
const NATIVE_DEFAULT: &str = "/nix/var/nix/profiles/system";

/// The time limit for `switch-to-configuration dry-activate`, which only reads.
const DRY_LIMIT: Duration = Duration::from_secs(100);

/// The maximum time that an undo waits for another run of `switch-to-configuration`.
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

    /// Returns the target of the link that this action changes, if there is such a link. If the target
    /// changes while this program waits, another program has carried out the same action.
    fn effect(self, host: &Host) -> Option<PathBuf> {
        let link = match self {
            Self::Check => return None,
            Self::Test => RUNNING,
            Self::Boot => NATIVE_DEFAULT,
        };
        fs::read_link(host.path(link)).ok()
    }
}

/// Whether the checks of a NixOS system run before an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The checks run, and may refuse the action.
    Run,
    /// The checks do not run: they have run already, or the host returns to an earlier system.
    Skip,
}

/// Whether the owners of all changed paths exist when a NixOS system is activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// The owners exist, and the paths have them.
    Known,
    /// The activation creates some owners. Its script runs this program right afterwards to give the paths to
    /// them.
    Given,
}

/// The environment variable with the path of this program, for the script of NixFleet's NixOS module that
/// gives owners to paths (`backends/nixos/give-owners.sh`).
const GIVE_OWNERS: &str = "NIXFLEET_GIVE_OWNERS";

/// The conditions of a run of `switch-to-configuration`.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Whether the checks of the system run, and may refuse the action.
    pub checks: Checks,
    /// The time limit for the run.
    pub limit: Duration,
    /// The failures of units that do not make the switch fail.
    pub tolerated: Tolerated,
    /// Whether the activation gives owners to paths of the transaction.
    pub owners: Owners,
}

/// Runs `switch-to-configuration` of a system. If the host is a directory tree and not a machine, the program
/// runs only in tests.
///
/// # Errors
/// Fails with [`Code::System`]. The problem contains the last messages of the program.
pub fn switch(host: &Host, system: &AbsPath, action: Action, checks: Checks) -> Result<(), Problem> {
    let terms = Terms { checks, limit: LIMIT, tolerated: Tolerated::Nothing, owners: Owners::Known };
    switch_on(host, system, action, &terms).map(drop)
}

/// Like [`switch`], but with the given checks, time limit and tolerated failures. Returns a note if units
/// failed and the failures are tolerated. If the checks are skipped, the call waits while another program is
/// switching the system.
///
/// # Errors
/// Fails in the same cases as [`switch`]. Also fails if the program does not end within the time limit, or if
/// another program has switched the host while the call waited for that program.
pub fn switch_on(
    host: &Host,
    system: &AbsPath,
    action: Action,
    terms: &Terms,
) -> Result<Option<String>, Problem> {
    if !host.is_machine() && !cfg!(feature = "fault-injection") {
        return Ok(None);
    }
    let program = Path::new(&**system).join(toplevel::SWITCH);
    let program = program.to_string_lossy();
    let mut variables = Vec::new();
    if terms.checks == Checks::Skip {
        variables.push("NIXOS_NO_CHECK=1".to_owned());
    }
    if terms.owners == Owners::Given {
        let activator = std::env::current_exe().map_err(|error| failed(system, action).because(error))?;
        variables.push(format!("{GIVE_OWNERS}={}", activator.display()));
    }
    let mut argv: Vec<String> = Vec::new();
    if !variables.is_empty() {
        argv.push("env".to_owned());
        argv.append(&mut variables);
    }
    argv.extend([program.into_owned(), action.word().to_owned()]);
    info!(%system, action = action.word(), "switching the NixOS system");
    let (began, since) = (Instant::now(), Since::now());
    let found = action.effect(host);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let mut attempts = 0;
    loop {
        let finished =
            command::run(&argv, terms.limit).map_err(|error| failed(system, action).because(error))?;
        for line in finished.stdout.lines().chain(finished.stderr.lines()) {
            info!("{} said: {line}", action.word());
        }
        // Systems of older releases do not know the action `check`, and have no checks.
        let has_no_checks = action == Action::Check && finished.stderr.contains("Usage:");
        if finished.success() || has_no_checks {
            return Ok(None);
        }
        let said = || why(host, &finished, since, terms.limit);
        let is_active = || action == Action::Test && running(host).as_ref() == Some(system);
        if code(&finished) == Some(UNITS_FAILED) && is_active() && !has_failed_script(&finished) {
            let note = Failures::of(&finished.stderr).note(&terms.tolerated, host);
            if let Some(note) = note {
                return Ok(Some(format!("{note}: {}", said())));
            }
        }
        // If another program holds the lock, an action with checks fails at once. An action without checks,
        // such as an undo, waits for that program: if the undo failed, the host would stay between two
        // systems.
        let is_locked = || has_met_lock(&finished) || is_held(host);
        if terms.checks == Checks::Run || !is_locked() || began.elapsed() >= LOCK_PATIENCE {
            return Err(failed(system, action).because(said()));
        }
        loop {
            let pause = backoff.pause();
            attempts += 1;
            retried("switch the NixOS system", attempts, pause, &"another program holds the lock");
            thread::sleep(pause);
            if !is_held(host) || began.elapsed() >= LOCK_PATIENCE {
                break;
            }
        }
        // If the link has changed, the other program has switched the system, and its system stays.
        if action.effect(host) != found {
            return Err(failed(system, action).because("another program switched the system meanwhile"));
        }
    }
}

/// Whether a part of the activation script failed. If units failed too, the exit code is that of failed
/// units. The first text is from the script itself, the second one from `switch-to-configuration-ng`.
fn has_failed_script(finished: &Finished) -> bool {
    ["Activation script snippet '", "Failed to run activate script"]
        .iter()
        .any(|words| [&finished.stdout, &finished.stderr].into_iter().any(|said| said.contains(words)))
}

/// Whether the program ended because another program holds the lock.
fn has_met_lock(finished: &Finished) -> bool {
    [&finished.stdout, &finished.stderr].into_iter().any(|said| said.contains("Could not acquire lock"))
}

fn failed(system: &AbsPath, action: Action) -> Problem {
    let (what, help) = match action {
        Action::Check => (
            "a check of the NixOS system refuses its activation",
            "correct what the check names, then apply again",
        ),
        Action::Test => (
            "the NixOS system could not be activated",
            "to see the whole output, run on the host: journalctl --boot --unit 'nixfleet-run-*'",
        ),
        Action::Boot => (
            "the boot loader could not be installed",
            "check the free space of /boot and the boot loader on the host, then apply again",
        ),
    };
    Problem::new(Code::System, what).at(system).help(help)
}

/// Runs `switch-to-configuration dry-activate` of a system, and returns its output, which says what an
/// activation would do.
///
/// # Errors
/// Fails with [`Code::System`] if the closure contains no NixOS system, if the host does not run NixOS, or if
/// the program fails.
pub fn dry_activate(host: &Host, system: Option<&NixosSystem>) -> Result<DryActivation, Problem> {
    let Some(NixosSystem { toplevel, .. }) = system.filter(|_| is_nixos(host)) else {
        return Err(Problem::new(Code::System, "there is no NixOS system to activate").at(RUNNING));
    };
    let program = Path::new(&**toplevel).join(toplevel::SWITCH);
    let refused = |why: String| {
        Problem::new(Code::System, "`switch-to-configuration dry-activate` failed").at(toplevel).because(why)
    };
    let argv = [program.to_string_lossy().into_owned(), "dry-activate".to_owned()];
    let finished = command::run(&argv, DRY_LIMIT).map_err(|error| refused(error.to_string()))?;
    if !finished.success() {
        return Err(refused(finished.why()));
    }
    let lines = finished.stderr.lines().chain(finished.stdout.lines()).map(str::to_owned);
    Ok(DryActivation { schema: SCHEMA, lines: lines.collect() })
}

/// The maximum number of failed units whose last messages an error contains.
const SHOWN: usize = 3;

/// Describes why `switch-to-configuration` failed: first what its exit code means, then the messages of the
/// failed units or, if the program named no failed unit, the last lines of its output. `since`: when the
/// program began.
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
    let mut units: Vec<UnitName> = Failures::of(&finished.stderr).units.into_iter().collect();
    if let (Some(systemd), false) = (Systemd::of(host), units.is_empty()) {
        let more = units.len().saturating_sub(SHOWN);
        units.truncate(SHOWN);
        let others = if more > 0 { format!("\nand {more} more units") } else { String::new() };
        return format!("{meaning}: {}{others}", describe(systemd, &units, since))
            .trim_start_matches(": ")
            .to_owned();
    }
    // Checks and activation scripts write to standard output, and the program itself writes to standard
    // error. So the last lines of both are shown.
    let words = finished.why_of_both();
    if meaning.is_empty() { words } else { format!("{meaning}\n{words}") }
}

fn code(finished: &Finished) -> Option<i32> {
    finished.status?.code()
}
