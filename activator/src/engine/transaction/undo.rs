//! Undoes a transaction, as far as it came, by checking what is where. May be interrupted and run again.

use std::io;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::CWD;
use rustix::io::Errno;
use tracing::{info, warn};

use super::journal::{self, Journal, JournalPhase};
use super::told::{Brief, Told};
use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::execute as accounts;
use crate::engine::family::accounts::record::record_created;
use crate::engine::family::commands::{run, undo as commands};
use crate::engine::family::paths::execute::{self as paths, PathUndo};
use crate::engine::family::paths::slots::SLOTS;
use crate::engine::family::units::undo::{self as units, Units};
use crate::engine::state::{self, State};
use crate::host::accounts::Accounts;
use crate::host::activator;
use crate::host::disk;
use crate::host::profile;
use crate::host::{HOME, Host, host_file};

/// When an undo happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoTime {
    /// On a running host.
    Running,
    /// While the host boots, before any managed unit has started. Enablement, not what ran before, decides
    /// what starts; and waiting for a unit would never end, since the unit waits for the recovery.
    Booting,
}

/// Undoes everything and closes the journal. A failure does not stop the rest. Returns notes: units outside
/// of the transaction that ran before and do not come back, and commands that failed.
///
/// # Errors
/// [`Code::Recovery`] with the first failure; the journal stays, and the next run tries again.
pub fn undo(host: &Host, journal: &Journal, moment: UndoTime) -> Result<Vec<String>, Problem> {
    info!(transaction = journal.transaction, "undoing the change");
    let (noted, failed) = units::note_stopped(host, journal, moment);
    let journal = noted.as_ref().unwrap_or(journal);
    let mut undoer = Undoer {
        host,
        journal,
        moment,
        paths: PathUndo::new(host, journal),
        failures: failed.into_iter().collect(),
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
        Some(problem) => {
            Err(Problem::new(Code::Recovery, "The host could not be brought back to how it was")
                .at(problem.location.clone().unwrap_or_default())
                .because(&problem)
                .help("mend the cause, then apply again: recovery goes on where it stopped"))
        }
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
        let swapping = self.journal.phase == JournalPhase::Swapping;
        let units = Units::of(self.host, self.journal).filter(|_| swapping);
        self.failures.extend(units.iter().flat_map(|units| units.stop(self.moment)));
        let told = Told::of("undone", self.journal.entries.len());
        for entry in self.journal.entries.iter().rev() {
            match self.one(entry, swapping) {
                Ok(()) => told.ended(entry, Ok(())),
                // It is told at the end, with the failures of no single entry.
                Err(problem) => self.failures.push(problem),
            }
        }
        let synced = self.paths.sync();
        self.failures.extend(synced.err());
        if let Some(units) = &units {
            self.failures.extend(units.reread(self.moment));
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

    /// Undoes an entry. Commands run when all old files are back, and units come after them.
    fn one(&mut self, entry: &JournalEntry, swapping: bool) -> Result<(), Problem> {
        match entry {
            JournalEntry::Account(entry) if self.journal.has_touched() => accounts::undo(self.host, entry),
            JournalEntry::Path(entry) if swapping => {
                self.notes.extend(self.paths.undo(entry)?);
                Ok(())
            }
            JournalEntry::Profile(entry) if swapping => entry.undo(self.host, self.journal.before.as_ref()),
            JournalEntry::Account(_)
            | JournalEntry::Path(_)
            | JournalEntry::Profile(_)
            | JournalEntry::Command(_)
            | JournalEntry::Unit(_) => Ok(()),
        }
    }
}

/// Records the accounts that the transaction created: they are never deleted.
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

/// Removes slots and backups that are no longer needed, then the journal.
fn close(host: &Host, journal: &Journal) -> Result<(), Problem> {
    paths::close(host, journal)?;
    remove_slots(host, journal)?;
    // Only now, when there is room again: a full disk may be the reason for the undo.
    record_accounts(host, journal)?;
    forget_transaction(host)?;
    host.remove_record(journal::RECORD)
}

/// Removes what only the closure of a failed transaction needed.
///
/// # Errors
/// [`Code::HostFile`].
pub fn forget_transaction(host: &Host) -> Result<(), Problem> {
    profile::unpin(host)?;
    // A managed host keeps the newest activator, whether or not its transaction succeeded.
    let is_managed = State::read(host).map_or(true, |(state, _)| state.generation.is_some());
    activator::tidy(host, is_managed)
}

/// Removes the directory of an original.
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

/// Removes the directory of a transaction's slots; things that somebody has put into a removed directory stay
/// there.
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
