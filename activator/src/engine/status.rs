//! Reads the status of a host, without changing anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::plan::Drift;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::run::LastRun;
use nixfleet_contract::status::{Status, ToFinish, UnitStatus};
use nixfleet_contract::values::UnitName;

use crate::engine::apt;
use crate::engine::backups::is_ours;
use crate::engine::family::paths::slots::BACKUPS;
use crate::engine::observe::Observed;
use crate::engine::os;
use crate::engine::plan::planner::{self, PlannedTransaction};
use crate::engine::plan::target::{Target, TargetClosure};
use crate::engine::state::{RECORD, State};
use crate::engine::transaction::journal;
use crate::health::last;
use crate::host::apt::dpkg::HostPackages;
use crate::host::lock::Lock;
use crate::host::profile::Profile;
use crate::host::{HOME, Host};

/// How often the host is observed at most, if runs begin and end in between.
const ATTEMPTS: usize = 3;

/// Reads the status of a host. While a run changes the host, half of its changes would look like drift, so no
/// drift is reported.
///
/// # Errors
/// The state or the host cannot be read.
pub fn status(host: &Host) -> Result<Status, Problem> {
    let mut attempts = 0;
    loop {
        let records =
            || (host.read_record(RECORD).ok().flatten(), host.read_record(LastRun::RECORD).ok().flatten());
        let before = records();
        let mut status = observed(host)?;
        attempts += 1;
        // A run may have begun since the lock was read.
        status.locked_by = status.locked_by.or_else(|| Lock::holder(host));
        if status.locked_by.is_some() {
            // The open transaction belongs to the run that holds the lock, and is not interrupted.
            status.interrupted = None;
            status.to_finish = None;
            status.drift.clear();
            status.os = os::status::status(host, None);
            return Ok(status);
        }
        // If a run has begun and ended since, the host was observed during the run.
        if attempts == ATTEMPTS || records() == before {
            status.os = os::status::status(host, status.to_finish.as_ref());
            return Ok(status);
        }
    }
}

/// Reads the status of a host once.
fn observed(host: &Host) -> Result<Status, Problem> {
    let (state, _) = State::read(host)?;
    let mut profile = Profile::read(host)?;
    for info in &mut profile.generations {
        info.made = state.made(info.generation.number);
    }
    let mut status = Status {
        schema: SCHEMA,
        host: state.closure.is_some().then(|| state.host.clone()),
        current: in_force(&state).or_else(|| profile.current.clone()),
        generations: profile.generations,
        drift: Vec::new(),
        units: Vec::new(),
        backups: backups(host),
        interrupted: journal::interrupted(host).or_else(|| apt::recover::interrupted(host)),
        locked_by: Lock::holder(host),
        to_finish: None,
        last: last_run(host),
        health_checks: last::known(host),
        os: None,
    };
    let Some(closure) = &state.closure else { return Ok(status) };
    match TargetClosure::of_closure(closure).and_then(TargetClosure::open) {
        Ok(target) => {
            let of_system = declared_units(&target.manifest);
            let target = Target { number: state.generation, ..target }.on(host);
            let declared = target.manifest.apt.clone();
            let planned = planner::plan(host, &target)?;
            if status.interrupted.is_none() {
                status.to_finish = to_finish(&planned);
            }
            if let Some(last) = &mut status.last {
                last.report.notes.retain(|note| !ToFinish::is_restart(note));
            }
            status.drift = planned.plan.drift;
            status.drift.extend(apt_drift(host, &planned.observed, declared.as_ref()));
            let managed = |unit: &&_| planned.state.units.contains_key(*unit) || of_system.contains(*unit);
            let observed = planned.observed.units.iter().flatten();
            status.units = observed
                .filter(|(unit, _)| {
                    managed(unit) || unit.template().is_some_and(|template| managed(&&template))
                })
                .map(|(unit, state)| UnitStatus {
                    unit: unit.clone(),
                    active: state.active.clone(),
                    sub: state.sub.clone(),
                })
                .collect();
        }
        Err(problem) => {
            let why = problem.why.unwrap_or(problem.what);
            status
                .drift
                .push(Drift { subject: closure.clone(), what: format!("closure cannot be read: {why}") });
        }
    }
    Ok(status)
}

/// Returns the declared units that the NixOS system of the host has.
fn declared_units(manifest: &Manifest) -> BTreeSet<UnitName> {
    manifest.nixos.iter().flat_map(|system| system.declared.units.keys().cloned()).collect()
}

/// Returns the task that finishes the change to the generation in force. `planned`: the plan for this
/// generation. A host that runs another system, although no boot is chosen for the wanted one, has nothing to
/// finish: the status reports the other system as drift.
fn to_finish(planned: &PlannedTransaction) -> Option<ToFinish> {
    let awaits = &planned.plan.awaits_boot;
    // The plan leaves the next boot as it is only if the host boots the wanted system next.
    if !planned.plan.changes_boot() {
        return (!awaits.is_empty()).then(|| ToFinish::Restart(awaits.clone()));
    }
    planned.runs_wanted_system().then_some(ToFinish::Repeat)
}

/// Returns the record of the last run; `None` if the record is missing or cannot be read. An error is
/// ignored, so that the rest of the status can still be shown.
#[must_use]
pub fn last_run(host: &Host) -> Option<LastRun> {
    let bytes = host.read_record(LastRun::RECORD).ok()??;
    serde_json::from_slice(&bytes).ok().filter(|last: &LastRun| last.schema == SCHEMA)
}

fn in_force(state: &State) -> Option<Generation> {
    Some(Generation { number: state.generation?, closure: state.closure.clone()? })
}

/// Returns the paths of all backups on the host except originals, sorted.
#[must_use]
pub fn backups(host: &Host) -> Vec<String> {
    let mut found = Vec::new();
    collect(&host.path(HOME).join(BACKUPS), &format!("{HOME}/{BACKUPS}"), &mut found);
    found.sort();
    found
}

fn collect(directory: &Path, shown: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = format!("{shown}/{}", entry.file_name().to_string_lossy());
        if entry.metadata().is_ok_and(|metadata| is_ours(&metadata)) {
            collect(&entry.path(), &path, found);
        } else {
            found.push(path);
        }
    }
}
/// Returns the differences between the packages of a host and their declaration, and the units that do not
/// start because an apply failed after apt had installed them.
fn apt_drift(host: &Host, observed: &Observed, declared: Option<&DeclaredPackages>) -> Vec<Drift> {
    let unknown = |problem: Problem| vec![Drift { subject: "apt".to_owned(), what: problem.what }];
    let mut drift: Vec<Drift> = match declared.filter(|_| host.is_machine()) {
        Some(declared) => match HostPackages::read() {
            Ok(packages) => {
                let answers = apt::answers::changes(declared, &packages);
                let answers = answers.map(|answers| apt::answers::drift(&answers).collect());
                let mut drift = apt::drift::drift(declared, &packages);
                drift.extend(answers.unwrap_or_else(unknown));
                drift
            }
            Err(problem) => unknown(problem),
        },
        None => Vec::new(),
    };
    drift.extend(observed.held.keys().map(Drift::of_held_start));
    drift
}
