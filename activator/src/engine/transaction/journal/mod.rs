//! The journal of an open transaction: what is being done, and everything that undo needs.
//!
//! It is on the disk before the first change, and is removed after the last. It does not record how far a run
//! came: undo looks at each path, so it can be interrupted and run again at any time.

pub mod written;

use std::collections::BTreeSet;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;
use serde::{Deserialize, Serialize};

use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::family::paths::entry::PathEntry;
use crate::engine::family::paths::slots::{self, SLOTS};
use crate::engine::family::units::entry::UnitEntry;
use crate::host::systemd::Running;
use crate::host::{HOME, Host, lock};

/// The name of the journal under [`HOME`].
pub const RECORD: &str = "journal.json";

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// [`Journal::SCHEMA`] when written; older schemas can be read.
    pub schema: u32,
    /// Its number; the state carries it once the transaction is committed.
    pub transaction: u64,
    /// The run.
    pub holder: Holder,
    /// How far it may have come.
    pub phase: JournalPhase,
    /// The generation in force before.
    pub before: Option<Generation>,
    /// The generation in force afterwards.
    pub after: Generation,
    /// The entries, in order.
    #[serde(rename = "operations")]
    pub entries: Vec<JournalEntry>,
    /// The running units before, if units are started or stopped; `None` in older journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_units: Option<Before>,
}

/// The running units before a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Every unit that was up, with its `ActiveState`.
    pub running: Running,
    /// The units among them that systemd may stop together with units of the transaction.
    pub along: BTreeSet<UnitName>,
}

/// How far a transaction may have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalPhase {
    /// New content may be staged; nothing else has been touched.
    Preparing,
    /// Everything is staged and validated; accounts may have changed.
    Accounts,
    /// Anything may have been done. Staged things are identified by their inodes.
    Swapping,
}

impl Journal {
    /// The schema that is written. An activator that does not know it could not undo everything.
    pub const SCHEMA: u32 = 2;
    /// The oldest schema that can be read.
    const OLDEST: u32 = 1;

    /// Reads the journal of a host; `None` if no transaction is open.
    ///
    /// # Errors
    /// [`Code::Recovery`] if it cannot be read.
    pub fn read(host: &Host) -> Result<Option<Self>, Problem> {
        let bytes = host.read_record(RECORD).map_err(|error| unreadable(&error.to_string()))?;
        bytes.map(|bytes| Self::parse(&bytes)).transpose()
    }

    /// Parses a journal.
    ///
    /// # Errors
    /// As [`Journal::read`]; also if it names a place that NixFleet never uses.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let refused = |error: serde_json::Error| unreadable(&error.to_string());
        let journal = serde_json::from_slice::<Self>(bytes);
        // If parsing fails, the schema is read alone, since it explains more.
        let schema = match &journal {
            Ok(journal) => journal.schema,
            Err(_) => serde_json::from_slice::<JournalHead>(bytes).map_err(refused)?.schema,
        };
        if schema > Self::SCHEMA {
            return Err(newer(schema));
        }
        let journal = journal.map_err(refused)?;
        if schema < Self::OLDEST {
            return Err(unreadable(&format!("its schema is {schema}")));
        }
        let strange = journal
            .entries
            .iter()
            .enumerate()
            .find_map(|(index, entry)| entry.as_path()?.invalid_place(journal.transaction, index));
        match strange {
            None => Ok(journal),
            Some(place) => Err(unreadable(&format!(
                "it names {place}, where no run keeps anything: somebody wrote to the journal"
            ))),
        }
    }

    /// Enters the next phase, once the journal on the disk says so.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::DiskFull`]; then nothing of that phase may be done.
    pub fn enter(&mut self, host: &Host, phase: JournalPhase) -> Result<(), Problem> {
        let before = std::mem::replace(&mut self.phase, phase);
        let written = host.write_record(RECORD, self);
        if written.is_err() {
            self.phase = before;
        }
        written
    }

    /// Whether anything outside of the staging area may have been touched.
    #[must_use]
    pub fn has_touched(&self) -> bool {
        self.phase != JournalPhase::Preparing
    }

    /// The entries on accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountEntry> {
        self.entries.iter().filter_map(JournalEntry::as_account)
    }

    /// The entries on paths.
    pub fn paths(&self) -> impl Iterator<Item = &PathEntry> {
        self.entries.iter().filter_map(JournalEntry::as_path)
    }

    /// The entries that run commands.
    pub fn commands(&self) -> impl Iterator<Item = &CommandEntry> {
        self.entries.iter().filter_map(JournalEntry::as_command)
    }

    /// The entries on units.
    pub fn units(&self) -> impl Iterator<Item = &UnitEntry> {
        self.entries.iter().filter_map(JournalEntry::as_unit)
    }

    /// Backups of replaced or removed content that outlive the transaction, as absolute paths on the host.
    #[must_use]
    pub fn backups(&self) -> Vec<String> {
        let backups = self.paths().filter_map(PathEntry::backup);
        backups.filter(|backup| slots::is_copy(backup)).map(ToString::to_string).collect()
    }

    /// Whether systemd must read its unit files again after the undo.
    #[must_use]
    pub fn reloads_daemon(&self) -> bool {
        self.units().any(|entry| *entry == UnitEntry::DaemonReload)
    }
}

/// The part of a journal that tells whether the rest can be read.
#[derive(Deserialize)]
struct JournalHead {
    schema: u32,
}

fn newer(schema: u32) -> Problem {
    let (oldest, newest) = (Journal::OLDEST, Journal::SCHEMA);
    Problem::new(Code::Recovery, "A newer NixFleet was interrupted on the host")
        .at(format!("{HOME}/{RECORD}"))
        .because(format!(
            "the schema of its journal is {schema}, and this activator reads {oldest} to {newest}"
        ))
        .help("apply with the newer NixFleet; nothing was touched")
}

fn unreadable(why: &str) -> Problem {
    let copies = format!("{HOME}/{SLOTS}");
    Problem::new(Code::Recovery, "The journal of an interrupted run cannot be read")
        .at(format!("{HOME}/{RECORD}"))
        .because(why)
        .help(format!("nothing was touched; what the run replaced stands under {copies}"))
}

/// A sentence about an interrupted run that the next apply will recover.
#[must_use]
pub fn interrupted(host: &Host) -> Option<String> {
    match Journal::read(host) {
        Ok(journal) => Some(lock::describe(&journal?.holder)),
        Err(problem) => Some(problem.what),
    }
}
