//! Commits a transaction, and cleans up after it.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::generation::Made;
use nixfleet_contract::nixos::NixosSystem;
use nixfleet_contract::problem::{Code, Problem};
use tracing::info;

use super::journal::{self, Journal};
use super::undo::remove_slots;
use crate::engine::family::accounts::record::{groups_after, record_ids, users_after};
use crate::engine::family::paths::execute as paths;
use crate::engine::family::paths::record::{keep_excluded, paths_after, record_stats};
use crate::engine::family::system::entry::SystemEntry;
use crate::engine::family::units::record::unit_states_after;
use crate::engine::observe::Observed;
use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::plan::target::Target;
use crate::engine::state::{self, AppliedSystem, PendingBoot, State};
use crate::host::activator::Version;
use crate::host::profile::{self, Profile};
use crate::host::{HOME, Host, boot, roots};

/// Commits the transaction by replacing the recorded state.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`]. In this
/// case, the transaction is not committed.
pub fn commit(
    host: &Host,
    planned: &PlannedTransaction,
    target: &Target,
    journal: &Journal,
) -> Result<(), Problem> {
    let state = complete_state(host, planned, target, journal)?;
    host.write_record(state::RECORD, &state)?;
    info!(transaction = journal.transaction, generation = journal.after.number, "the change is committed");
    Ok(())
}

/// Stages the state after the transaction, so that [`commit_staged`] can commit the transaction.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
pub fn stage(
    host: &Host,
    planned: &PlannedTransaction,
    target: &Target,
    journal: &Journal,
) -> Result<(), Problem> {
    host.write_record(state::STAGED, &complete_state(host, planned, target, journal)?)
}

/// Commits a transaction whose state is staged. If the transaction has chosen a one-time boot, the state
/// records the current boot: a recovery may have chosen it again after a restart.
///
/// # Errors
/// [`Code::Recovery`] if the staged state is missing or belongs to another transaction;
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
pub fn commit_staged(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let staged = State::staged(host)?.filter(|state| state.transaction == journal.transaction);
    let Some(mut state) = staged else {
        return Err(Problem::new(Code::Recovery, "the staged state of the transaction is missing")
            .at(format!("{HOME}/{}", state::STAGED)));
    };
    if journal.systems().any(|entry| matches!(entry, SystemEntry::BootOnce(..)))
        && let Some(pending) = state.nixos.as_mut().and_then(|applied| applied.boot_once.as_mut())
    {
        pending.boot_id = boot::id(host);
    }
    host.write_record(state::RECORD, &state)?;
    info!(transaction = journal.transaction, generation = journal.after.number, "the change is committed");
    Ok(())
}

/// Returns the state that is recorded when the transaction is committed.
fn complete_state(
    host: &Host,
    planned: &PlannedTransaction,
    target: &Target,
    journal: &Journal,
) -> Result<State, Problem> {
    let mut state = state_after(&planned.state, &planned.observed, target, journal);
    keep_excluded(&mut state, planned, target);
    record_stats(host, &mut state);
    record_ids(host, &mut state)?;
    // A generation without a link has been garbage collected, so its record is dropped. The link of the new
    // generation already exists, so the record of the new generation stays. The newest record stays too, so
    // that no later generation gets the same number.
    let (profile, newest) = (Profile::read(host)?, state.newest_generation());
    state.generations.retain(|number, _| profile.generation(*number).is_some() || Some(*number) == newest);
    Ok(state)
}

/// Returns the recorded state after a transaction.
#[must_use]
pub fn state_after(old: &State, observed: &Observed, target: &Target, journal: &Journal) -> State {
    let manifest = &target.manifest;
    State {
        schema: State::SCHEMA,
        activator: old.activator.max(Some(Version::own())),
        transaction: journal.transaction,
        // A system that another tool made may contain another name of the host. So the recorded name stays.
        host: if target.is_external() { old.host.clone() } else { manifest.host.clone() },
        generation: Some(journal.after.number),
        closure: Some(target.closure.clone()),
        manifest: Some(target.digest.clone()),
        packages: manifest.packages.clone(),
        paths: paths_after(old, observed, manifest, journal.paths()),
        groups: groups_after(old, journal.accounts()),
        users: users_after(old, observed, manifest, journal.accounts()),
        units: manifest.units.clone(),
        unit_states: unit_states_after(old, observed, manifest),
        generations: generations_after(old, target, journal),
        excluded: BTreeSet::new(),
        nixos: manifest.nixos.as_ref().map(|system| applied_system(old, observed, system, journal)),
    }
}

/// Returns the record of the NixOS system. If an earlier transaction told the boot loader to boot this system
/// once, the record of this one-time boot is kept.
fn applied_system(
    old: &State,
    observed: &Observed,
    system: &NixosSystem,
    journal: &Journal,
) -> AppliedSystem {
    let chosen = journal.systems().find_map(|entry| match entry {
        SystemEntry::BootOnce(step, facts) => Some((step.loader, facts.number)),
        SystemEntry::Activate(_) | SystemEntry::SetBootDefault(..) => None,
    });
    let told = old.nixos.as_ref().filter(|old| old.toplevel == system.toplevel && !journal.changes_boot());
    let pending = |(loader, number)| {
        let boot_id = observed.nixos.as_ref()?.boot_id.clone();
        Some(PendingBoot { boot_id, loader, number })
    };
    let boot_once = match chosen {
        Some(once) => pending(once),
        None => told.and_then(|old| old.boot_once.clone()),
    };
    AppliedSystem { toplevel: system.toplevel.clone(), boot_once }
}

/// Returns who created each generation and from which revision, including the new generation.
fn generations_after(old: &State, target: &Target, journal: &Journal) -> BTreeMap<u64, Made> {
    let mut generations = old.generations.clone();
    if target.number.is_none() {
        let by = Some(journal.holder.who.clone());
        let made = Made { by, revision: journal.holder.revision.clone() };
        generations.insert(journal.after.number, made);
    }
    generations
}

/// Removes everything that was needed only for an undo, and then the journal. After an interruption, this
/// function can be called again.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`]. In this case, the next run continues the cleanup.
pub fn finish(host: &Host, journal: &Journal) -> Result<(), Problem> {
    paths::finish(host, journal)?;
    profile::tidy(host, profile::DIRECTORY)?;
    if journal.systems().next().is_some() {
        profile::tidy(host, profile::NATIVE)?;
    }
    remove_slots(host, journal)?;
    roots::unpin(host)?;
    if journal.changes_boot() {
        host.remove_record(state::STAGED)?;
    }
    host.remove_record(journal::RECORD)
}
