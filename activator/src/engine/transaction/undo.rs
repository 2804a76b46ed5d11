//! Undoes a transaction by checking the state of each path. After an interruption, the undo can be run again.

use std::io;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::CWD;
use rustix::io::Errno;
use tracing::{info, warn};

use super::journal::{self, Journal, JournalPhase};
use super::log::{Brief, EntryLog};
use crate::engine::apt::held_units;
use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::execute as accounts;
use crate::engine::family::accounts::record::record_created;
use crate::engine::family::commands::{run, undo as commands};
use crate::engine::family::paths::execute::{self as paths, PathUndo};
use crate::engine::family::paths::slots::SLOTS;
use crate::engine::family::system::undo as system;
use crate::engine::family::units::undo::{self as units, Units};
use crate::engine::state::{self, State};
use crate::host::accounts::Accounts;
use crate::host::activator;
use crate::host::disk;
use crate::host::{HOME, Host, host_file, roots};

/// The situation in which an undo happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoTime {
    /// The host is running.
    Running,
    /// The host is booting, and no managed unit has started yet. Enabled units will be started, regardless of
    /// which units ran before. The undo must not wait for a unit, since the unit itself waits for the
    /// recovery to end.
    Booting,
}

/// Undoes the whole transaction and closes the journal. After a failure, the undo continues with the
/// remaining entries. Returns notes about commands that failed, paths that could not be restored because of
/// another user, and units outside the transaction that could not be started again.
///
/// # Errors
/// [`Code::Recovery`] with the first failure. In this case, the journal remains and the next run tries again.
pub fn undo(host: &Host, journal: &Journal, moment: UndoTime) -> Result<Vec<String>, Problem> {
    info!(transaction = journal.transaction, "undoing the change");
    // From here on, a recovery must not complete the commit any more.
    if journal.changes_boot() {
        host.remove_record(state::STAGED)?;
    }
    let (noted, failed) = units::note_stopped(host, journal, moment);
    let journal = noted.as_ref().unwrap_or(journal);
    let held_again = held_units::hold_again(host).err();
    let mut undoer = Undoer {
        host,
        journal,
        moment,
        paths: PathUndo::new(host, journal),
        failures: failed.into_iter().chain(held_again).collect(),
        notes: Vec::new(),
    };
    undoer.all();
    if undoer.failures.is_empty() {
        undoer.failures.extend(close(host, journal).err());
    }
    for problem in &undoer.failures {
        warn!("not undone: {}", Brief(problem));
    }
    match std::mem::take(&mut undoer.failures).into_iter().next() {
        None => {
            info!(transaction = journal.transaction, "the change is undone");
            Ok(undoer.notes)
        }
        Some(problem) => Err(Problem::new(Code::Recovery, "the change could not be undone completely")
            .at(problem.location.clone().unwrap_or_default())
            .because(&problem)
            .help("fix the cause, then apply again: the next apply continues the undo where it stopped")),
    }
}

struct Undoer<'a> {
    host: &'a Host,
    journal: &'a Journal,
    moment: UndoTime,
    paths: PathUndo<'a>,
    failures: Vec<Problem>,
    notes: Vec<String>,
}

impl Undoer<'_> {
    fn all(&mut self) {
        let swapping = self.journal.has_swapped();
        let units = Units::of(self.host, self.journal).filter(|_| swapping);
        self.failures.extend(units.iter().flat_map(|units| units.stop(self.moment)));
        let log = EntryLog::of("undone", self.journal.entries.len());
        for entry in self.journal.entries.iter().rev() {
            match self.one(entry, swapping) {
                Ok(()) => log.ended(entry, Ok(())),
                // The failure is logged at the end, together with failures that do not belong to an entry.
                Err(problem) => self.failures.push(problem),
            }
        }
        let synced = self.paths.sync();
        self.failures.extend(synced.err());
        if let Some(units) = &units {
            self.failures.extend(units.reread(self.moment));
        }
        if matches!(self.journal.phase, JournalPhase::Activating | JournalPhase::Confirmed)
            && let Some(step) = self.journal.activation()
        {
            match system::activation(self.host, step, self.moment, self.journal) {
                Ok(note) => self.notes.extend(note),
                Err(problem) => self.failures.push(problem),
            }
        }
        if swapping {
            self.notes.extend(commands::undo(self.host, self.journal.commands(), self.moment));
            self.failures.extend(run::flush_made(self.host, self.journal).err());
        }
        if let Some(units) = units {
            let back = units.bring_back(self.moment);
            self.failures.extend(back.failures);
            self.notes.extend(back.notes);
        }
    }

    /// Undoes an entry. Commands, units and the activation of a NixOS system are undone later, after all old
    /// files have been restored.
    fn one(&mut self, entry: &JournalEntry, swapping: bool) -> Result<(), Problem> {
        match entry {
            JournalEntry::Account(entry) if self.journal.has_touched() => accounts::undo(self.host, entry),
            JournalEntry::Path(entry) if swapping => {
                self.notes.extend(self.paths.undo(entry)?);
                Ok(())
            }
            JournalEntry::Profile(entry) if swapping => entry.undo(self.host, self.journal.before.as_ref()),
            JournalEntry::System(entry) if self.journal.phase == JournalPhase::Confirmed => {
                self.notes.extend(system::boot(self.host, entry)?);
                Ok(())
            }
            JournalEntry::Account(_)
            | JournalEntry::Path(_)
            | JournalEntry::Profile(_)
            | JournalEntry::Command(_)
            | JournalEntry::Unit(_)
            | JournalEntry::System(_) => Ok(()),
        }
    }
}

/// Records the accounts that the transaction created, since the undo does not delete them.
fn record_accounts(host: &Host, journal: &Journal) -> Result<(), Problem> {
    if !journal.has_touched() {
        return Ok(());
    }
    let (mut state, _) = State::read(host)?;
    if record_created(&mut state, &Accounts::read(host)?, journal.accounts()) {
        host.write_record(state::RECORD, &state)?;
    }
    Ok(())
}

/// Removes the slots and backups of the transaction, and then the journal.
fn close(host: &Host, journal: &Journal) -> Result<(), Problem> {
    paths::close(host, journal)?;
    remove_slots(host, journal)?;
    // The accounts are recorded only after the slots have been removed. If a full disk caused the undo, this
    // removal frees space for the record.
    record_accounts(host, journal)?;
    forget_transaction(host)?;
    host.remove_record(journal::RECORD)
}

/// Unpins the closure of a failed transaction, and removes activator files that are not needed.
///
/// # Errors
/// [`Code::HostFile`].
pub fn forget_transaction(host: &Host) -> Result<(), Problem> {
    roots::unpin(host)?;
    // A managed host keeps the newest activator, even if the transaction of this activator failed.
    let is_managed = State::read(host).map_or(true, |(state, _)| state.generation.is_some());
    activator::tidy(host, is_managed)
}

/// Removes the directory that contains an original.
///
/// # Errors
/// [`Code::HostFile`].
pub fn forget_original(host: &Host, backup: &str) -> Result<(), Problem> {
    let directory = backup.rsplit_once('/').map_or(backup, |(directory, _)| directory);
    match disk::remove_tree(&host.path(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(host_file("remove", directory, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes the directory of a transaction's slots if it is empty. The directory is not empty if, for example,
/// someone has put files into a directory that the transaction moved into a slot.
///
/// # Errors
/// [`Code::HostFile`].
pub fn remove_slots(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let slots = format!("{HOME}/{SLOTS}/{}", journal.transaction);
    match disk::remove_directory(CWD, host.path(&slots)) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(host_file("remove", slots, &errno.into())),
    }
}
