//! Adds to a plan what the activation of a NixOS system would change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nixfleet_contract::nixos::{SUMMARY, SystemSummary};
use nixfleet_contract::plan::{Plan, SystemChanges, Warning};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::system::ActivateSystem;
use nixfleet_contract::values::UnitName;

use super::packages;
use super::unit_changes::{self, Foreseen};
use crate::engine::plan::target::Target;
use crate::engine::recovery_unit;
use crate::engine::state::State;
use crate::host::systemd::Systemd;
use crate::host::{Host, command};
use crate::toplevel;

/// The time limit for Nix to list the closure of the running system.
const LIMIT: Duration = Duration::from_secs(60);

/// Adds the differences of packages and units between the running and the new system to a plan. If the host
/// has neither the new system nor its summary yet, the plan lists the summary in [`Plan::lacks`] instead. The
/// client then sends the summary and requests the plan again. `may_ask`: whether the client can do this.
pub fn foresee(plan: &mut Plan, host: &Host, state: &State, target: &Target, may_ask: bool) {
    let Some(ActivateSystem { from, to, .. }) = plan.activation().cloned() else { return };
    let new = match sent(target) {
        Some(summary) => Ok(summary),
        None if Path::new(&*to).is_dir() => summary(host, &to),
        None => {
            let file = target.manifest.nixos.as_ref().and_then(|system| system.summary.as_ref());
            if let Some(file) = file.filter(|_| may_ask) {
                plan.lacks.push(file.sha256.clone());
                plan.unvalidated = true;
                return;
            }
            Err("the new system is not on the host yet".to_owned())
        }
    };
    match (known(&from, state).map_or_else(|| summary(host, &from), Ok), new) {
        (Ok(old), Ok(new)) => {
            plan.packages = packages::changes(&old.paths, &new.paths);
            plan.system = Systemd::of(host).and_then(|systemd| units(host, systemd, &old, &new).ok());
        }
        (Err(why), _) | (_, Err(why)) => plan.warnings.push(Warning {
            subject: "system".to_owned(),
            what: format!("the plan does not show which packages and units change: {why}"),
        }),
    }
}

/// Returns the changes of units between two systems.
fn units(
    host: &Host,
    systemd: Systemd,
    old: &SystemSummary,
    new: &SystemSummary,
) -> Result<SystemChanges, Problem> {
    let states = systemd.not_inactive()?.into_iter().map(|(unit, state)| (unit.into(), state)).collect();
    // Like NixOS, this compares the file of the host, and not the file of the running system.
    let fstab = fs::read_to_string(host.path("/etc/fstab")).unwrap_or_default();
    let Foreseen { mut changes, again } = unit_changes::changes(old, new, &fstab, &states);
    let again: Vec<UnitName> = again.iter().filter_map(|unit| unit.parse().ok()).collect();
    let again = systemd.show(&again.iter().collect::<Vec<_>>())?;
    // A unit whose conditions are not met stays down, although each activation tries to start it.
    let stays_down = |unit: &String| again.iter().any(|(name, state)| **name == **unit && !state.condition);
    // Each activation starts the recovery unit of NixFleet, but this unit does nothing unless the host is
    // booting.
    changes.start.retain(|unit| !stays_down(unit) && unit != recovery_unit::NAME);
    Ok(changes)
}

/// Returns the summary of the target from its closure or, if the closure is not on the host, from the
/// contents that the client has sent.
fn sent(target: &Target) -> Option<SystemSummary> {
    let file = target.manifest.nixos.as_ref()?.summary.as_ref()?;
    let bytes = fs::read(target.source(SUMMARY)).ok();
    let bytes = bytes.or_else(|| fs::read(target.contents.path(&file.sha256)?).ok());
    serde_json::from_slice(&bytes?).ok()
}

/// Returns the summary of the running system from the closure of the last transaction, if that closure
/// contains the running system.
fn known(running: &str, state: &State) -> Option<SystemSummary> {
    let applied = state.nixos.as_ref().filter(|applied| *applied.toplevel == *running);
    let closure = applied.and(state.closure.as_ref())?;
    serde_json::from_slice(&fs::read(Path::new(closure).join(SUMMARY)).ok()?).ok()
}

/// Summarizes a system that is on this host: reads its units, and asks Nix for its store paths.
fn summary(host: &Host, system: &str) -> Result<SystemSummary, String> {
    let (units, wants) = toplevel::units::units(Path::new(system)).map_err(|error| error.to_string())?;
    let fstab = toplevel::fstab(Path::new(system)).map_err(|error| error.to_string())?;
    let mut paths = Vec::new();
    if host.is_machine() {
        let argv = ["nix-store", "--query", "--requisites", system];
        let listed = command::run(&argv, LIMIT).map_err(|error| format!("nix-store: {error}"))?;
        if !listed.success() {
            return Err(listed.why());
        }
        paths = listed.stdout.lines().map(str::to_owned).collect();
        paths.sort();
    }
    Ok(SystemSummary { paths, units, wants, fstab })
}
