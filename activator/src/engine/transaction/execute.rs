//! Executes the entries of a transaction in order.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::journal::{Journal, JournalPhase};
use super::log::EntryLog;
use crate::engine::apt::held_units;
use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::execute::AccountChanges;
use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::family::commands::run;
use crate::engine::family::paths::execute::PathChanges;
use crate::engine::family::paths::late_owners;
use crate::engine::family::system::execute as system;
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::family::units::execute::UnitChanges;
use crate::engine::health::May;
use crate::engine::state::State;
use crate::host::Host;
use crate::host::nixos::{self, Owners};
use crate::host::systemd::{Verb, Watch};

/// The words for the success of an entry in log messages.
const CARRIED_OUT: &str = "carried out";

/// Executes the entries that create or change accounts, before any path is changed. Returns the number of
/// executed entries.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::Account`].
pub fn execute_accounts(host: &Host, state: &State, journal: &Journal) -> Result<usize, Problem> {
    let changes = AccountChanges { host, state };
    let log = EntryLog::of(CARRIED_OUT, journal.entries.len());
    let mut done = 0;
    for whole in &journal.entries {
        if let Some(entry) = whole.as_account().filter(|entry| entry.makes_account()) {
            let ended = changes.perform(entry);
            log.ended(whole, ended.as_ref().copied());
            ended?;
            done += 1;
        }
    }
    Ok(done)
}

/// Activates the NixOS system of the transaction, if it has one. `may` decides whether the call fails if a
/// unit fails that had not failed before. `owners`: whether the activation gives owners to paths. Returns the
/// number of executed entries, and notes about failures that cause no undo.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`], [`nixfleet_contract::problem::Code::Locked`], or an error of
/// [`Journal::enter`]. In this case, the caller must undo the transaction.
pub fn activate(
    host: &Host,
    journal: &mut Journal,
    may: May,
    owners: Owners,
) -> Result<(usize, Vec<String>), Problem> {
    let Some(step) = journal.activation().cloned() else { return Ok((0, Vec::new())) };
    // Check this before the phase begins. After that, an undo has to activate the former system, which is
    // impossible while another program holds the lock of `switch-to-configuration`.
    nixos::check_lock(host)?;
    journal.enter(host, JournalPhase::Activating)?;
    let mut notes: Vec<String> = system::activate(host, &step, may, owners)?.into_iter().collect();
    if owners == Owners::Given {
        // The activation has given the owners, unless a module of the host has removed its part.
        notes.extend(late_owners::give_owners(host, journal)?);
    }
    Ok((1, notes))
}

/// Changes what the host boots, after the change has been confirmed. Returns the number of executed entries.
///
/// # Errors
/// Fails with the problem of the first entry that fails. In this case, the caller must undo the transaction.
pub fn boot(host: &Host, journal: &Journal) -> Result<usize, Problem> {
    let log = EntryLog::of(CARRIED_OUT, journal.entries.len());
    let mut done = 0;
    for whole in &journal.entries {
        if let Some(entry) = whole.as_system().filter(|entry| entry.activation().is_none()) {
            let ended = system::boot(host, entry);
            log.ended(whole, ended.as_ref().copied());
            ended?;
            done += 1;
        }
    }
    Ok(done)
}

/// The result of [`execute`].
pub struct Executed {
    /// The number of executed entries.
    pub done: usize,
    /// The units that the transaction has started, for the check that these units stay up.
    pub watch: Watch,
    /// The problems of failed commands that did not cause an undo.
    pub failed: Vec<Problem>,
}

/// Executes the entries that [`execute_accounts`], [`activate`] and [`boot`] do not execute. `may` decides
/// whether a failed command of a changed file causes an undo.
///
/// # Errors
/// Fails with the problem of the first entry that fails. In this case, the caller must undo the transaction.
pub fn execute(
    host: &Host,
    state: &State,
    units: &BTreeMap<UnitName, Unit>,
    journal: &Journal,
    may: May,
) -> Result<Executed, Problem> {
    let mut executor = Executor {
        host,
        journal,
        accounts: AccountChanges { host, state },
        paths: if journal.activation().is_some() {
            PathChanges::before_activation(host)
        } else {
            PathChanges::new(host)
        },
        units: UnitChanges::new(host, units),
        log: EntryLog::of(CARRIED_OUT, journal.entries.len()),
        may,
        failed: Vec::new(),
    };
    let is_elsewhere = |entry: &&JournalEntry| match entry {
        JournalEntry::Account(entry) => entry.makes_account(),
        JournalEntry::System(_) => true,
        JournalEntry::Path(_)
        | JournalEntry::Profile(_)
        | JournalEntry::Command(_)
        | JournalEntry::Unit(_) => false,
    };
    let rest: Vec<&JournalEntry> = journal.entries.iter().filter(|entry| !is_elsewhere(entry)).collect();
    executor.all(&rest)?;
    run::flush_made(host, journal)?;
    Ok(Executed { done: rest.len(), watch: executor.units.watch, failed: executor.failed })
}

struct Executor<'a> {
    host: &'a Host,
    journal: &'a Journal,
    accounts: AccountChanges<'a>,
    paths: PathChanges<'a>,
    units: UnitChanges<'a>,
    log: EntryLog,
    /// Whether a failed command causes an undo.
    may: May,
    /// The problems of failed commands that do not cause an undo.
    failed: Vec<Problem>,
}

impl Executor<'_> {
    /// Executes the entries in order. Adjacent entries on units are passed to systemd together, because
    /// systemd determines their order.
    fn all(&mut self, entries: &[&JournalEntry]) -> Result<(), Problem> {
        let mut rest = entries;
        while let Some((first, after)) = rest.split_first() {
            let Some((verb, _)) = job_of(first) else {
                let ended = self.one(first);
                self.log.ended(first, ended.as_ref().copied());
                ended?;
                rest = after;
                continue;
            };
            self.paths.sync()?;
            if verb.brings_up() {
                held_units::release(self.host)?;
            }
            let jobs = rest.iter().map_while(|entry| job_of(entry));
            let jobs: Vec<_> = jobs.take_while(|(other, _)| verb.goes_with(*other)).collect();
            let ended = self.units.perform(&jobs);
            for entry in &rest[..jobs.len()] {
                self.log.ended(entry, ended.as_ref().copied());
            }
            ended?;
            rest = &rest[jobs.len()..];
        }
        self.paths.sync()?;
        held_units::release(self.host)
    }

    fn one(&mut self, entry: &JournalEntry) -> Result<(), Problem> {
        match entry {
            JournalEntry::Account(entry) => self.accounts.perform(entry),
            JournalEntry::Path(entry) => self.paths.perform(entry),
            JournalEntry::Profile(entry) => {
                self.paths.sync()?;
                entry.perform(self.host, &self.journal.after)
            }
            JournalEntry::Command(CommandEntry::RunCommand { step, .. }) => {
                self.paths.sync()?;
                match (run::run(self.host, &step.command, &step.paths, run::LIMIT), self.may) {
                    (Err(problem), May::Stand) => {
                        self.log.ended(entry, Err(&problem));
                        self.failed.push(problem);
                        Ok(())
                    }
                    (ran, May::Stand | May::Undo) => ran,
                }
            }
            JournalEntry::Unit(UnitEntry::DaemonReload) => {
                self.paths.sync()?;
                self.units.daemon_reload()
            }
            JournalEntry::Unit(UnitEntry::Job { verb, job, .. }) => self.units.perform(&[(*verb, &job.unit)]),
            // [`activate`] and [`boot`] execute these entries.
            JournalEntry::System(_) => Ok(()),
        }
    }
}

/// Returns the kind of job and the unit of an entry, or `None` if the entry is not a job.
const fn job_of(entry: &JournalEntry) -> Option<(Verb, &UnitName)> {
    if let JournalEntry::Unit(entry) = entry { entry.job() } else { None }
}
