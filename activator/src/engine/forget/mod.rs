//! Removes the records of NixFleet from a host that leaves its management.
//!
//! The recorded state is removed first, and the installed activator last. So if the removal is interrupted at
//! any point, the same activator can continue it: a host without a recorded state has nothing to recover and
//! nothing to put back.

mod remnants;
mod removal;

use std::time::Instant;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::forget::{ForgetMode, ForgetPlan, ForgetReport};
use nixfleet_contract::holder::Holder;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};

use crate::engine::apt::journal as apt_journal;
use crate::engine::apt::{held_units, ran_before};
use crate::engine::recovery_unit;
use crate::engine::state::{State, Thing};
use crate::engine::transaction::journal;
use crate::host::lock::Lock;
use crate::host::nixos;
use crate::host::profile::Profile;
use crate::host::systemd::Systemd;
use crate::host::{HOME, Host};

/// Plans the removal of the records, without changing anything.
///
/// # Errors
/// The state, the profile or the backups cannot be read.
pub fn plan(host: &Host, mode: ForgetMode) -> Result<ForgetPlan, Problem> {
    let (state, _) = State::read(host)?;
    let objection = Lock::objection(host);
    // While a run holds the lock, the open transaction belongs to that run and is not interrupted.
    let interrupted = interrupted(host).filter(|_| objection.is_none());
    let problem =
        objection.or_else(|| refusal_on_nixos(host)).or_else(|| interrupted.as_deref().map(unrecovered));
    Ok(ForgetPlan {
        schema: SCHEMA,
        is_managed: state.closure.is_some(),
        removed: removal::paths(host, &state, mode, &Profile::read(host)?),
        remnants: remnants::of(host, &state, mode)?,
        interrupted,
        problem,
    })
}

/// Removes the records, under the lock of the host. In the mode `clean`, nothing may be declared any more.
/// `directories` are directories that NixFleet had created: the report names those that still exist.
#[must_use]
pub fn forget(host: &Host, mode: ForgetMode, directories: &[&str], holder: &Holder) -> ForgetReport {
    let started = Instant::now();
    let mut report = ForgetReport {
        schema: SCHEMA,
        outcome: Outcome::Blocked,
        removed: Vec::new(),
        remnants: Vec::new(),
        problem: None,
        duration_ms: 0,
    };
    if let Err(problem) = run(host, mode, holder, &mut report) {
        report.problem = Some(problem);
    }
    report.remnants.extend(remnants::directories(host, directories));
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

fn run(host: &Host, mode: ForgetMode, holder: &Holder, report: &mut ForgetReport) -> Result<(), Problem> {
    let _lock = Lock::take_on_full_disk(host, holder)?;
    if let Some(problem) = refusal_on_nixos(host) {
        return Err(problem);
    }
    if let Some(what) = interrupted(host) {
        return Err(unrecovered(&what));
    }
    let (state, _) = State::read(host)?;
    if let Some(subject) = still_declared(&state).filter(|_| mode == ForgetMode::Clean) {
        return Err(Problem::new(Code::Forget, "something is still declared on the host")
            .at(subject)
            .because("another command has changed the host since it was cleaned")
            .help("run the command again"));
    }
    let profile = Profile::read(host)?;
    report.remnants = remnants::of(host, &state, mode)?;
    report.outcome = Outcome::Failed;
    report.removed = removal::remove(host, &state, mode, &profile)?;
    if let Some(systemd) = Systemd::of(host) {
        systemd.daemon_reload()?;
    }
    removal::remove_activator(host)?;
    report.outcome = Outcome::Ok;
    Ok(())
}

/// Describes an interrupted change of files or of packages. Units of new packages that are still held need an
/// apply too.
fn interrupted(host: &Host) -> Option<String> {
    let is_open = |name: &&str| host.path(HOME).join(name).exists();
    let of_apt = || {
        let held = [held_units::HELD, held_units::RELEASED, held_units::STILL_HELD];
        [apt_journal::RECORD, ran_before::RECORD].into_iter().chain(held).find(is_open)
    };
    journal::interrupted(host)
        .or_else(|| of_apt().map(|name| format!("a change of packages left {HOME}/{name}")))
}

/// Returns something that the generation in force declares, apart from the recovery at boot.
fn still_declared(state: &State) -> Option<String> {
    let declares = |thing: &Thing| !matches!(thing, Thing::Directory { implicit: true, .. });
    let path = state.paths.iter().find(|(path, owned)| !recovery_unit::has(path) && declares(&owned.thing));
    let user = || state.users.iter().find(|(_, owned)| !owned.disabled);
    path.map(|(path, _)| path.to_string())
        .or_else(|| user().map(|(name, _)| format!("user {name}")))
        .or_else(|| state.units.keys().chain(state.unit_states.keys()).next().map(ToString::to_string))
        .or_else(|| state.packages.first().map(|_| "nixfleet.packages".to_owned()))
}

fn refusal_on_nixos(host: &Host) -> Option<Problem> {
    nixos::is_nixos(host).then(|| {
        Problem::new(Code::Forget, "a NixOS host cannot be forgotten")
            .because("its configuration is a NixOS system, which needs no NixFleet to run")
            .help("use nixos-rebuild with the same flake: see docs/how-to/leave.md")
    })
}

fn unrecovered(what: &str) -> Problem {
    Problem::new(Code::Interrupted, "an interrupted change must be recovered first")
        .at(HOME)
        .because(what)
        .help("apply or roll back, which recovers the host first; then run the command again")
}
