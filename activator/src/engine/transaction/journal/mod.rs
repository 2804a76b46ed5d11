//! The journal of an open transaction: what is being done, and everything that undoing it needs.
//!
//! It is on the disk before the first change and goes after the last. It never says how far a run came: undoing looks
//! at what stands where, so that it may itself be interrupted and begun again at any time.

pub mod written;

use std::collections::BTreeSet;

use nixfleet_contract::holder::Holder;
use nixfleet_contract::plan::Generation;
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
    /// [`Journal::SCHEMA`] as it is written; older ones are read.
    pub schema: u32,
    /// Its number; the state carries it once the transaction is committed.
    pub transaction: u64,
    /// Who runs it.
    pub holder: Holder,
    /// How far it can have come.
    pub phase: Phase,
    /// The generation in force before.
    pub before: Option<Generation>,
    /// The generation in force afterwards.
    pub after: Generation,
    /// What is done, in order.
    #[serde(rename = "operations")]
    pub entries: Vec<JournalEntry>,
    /// What ran before, where units are started or stopped; older journals do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_units: Option<Before>,
}

/// What ran before a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Every unit that was up, with its `ActiveState`.
    pub running: Running,
    /// Those among them that systemd may stop together with units of the transaction.
    pub along: BTreeSet<UnitName>,
}

/// How far a transaction can have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// New content may be staged; nothing else has been touched.
    Preparing,
    /// All is staged and validated, and accounts may have changed.
    Accounts,
    /// Anything may have been done. What is staged is known by its inode.
    Swapping,
}

impl Journal {
    /// The schema that is written. An activator that does not know it could not undo all that was done.
    pub const SCHEMA: u32 = 2;
    /// The oldest that is read.
    const OLDEST: u32 = 1;

    /// Reads the journal of a host; nothing where no transaction is open.
    ///
    /// # Errors
    /// [`Code::Recovery`] where it cannot be read.
    pub fn read(host: &Host) -> Result<Option<Self>, Problem> {
        let bytes = host.read_record(RECORD).map_err(|error| unreadable(&error.to_string()))?;
        bytes.map(|bytes| Self::parse(&bytes)).transpose()
    }

    /// Parses a journal.
    ///
    /// # Errors
    /// As [`Journal::read`]; also where it names a place that no run of ours would have taken.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let refused = |error: serde_json::Error| unreadable(&error.to_string());
        let journal = serde_json::from_slice::<Self>(bytes);
        // One that does not fit is looked at again for its schema, which says more.
        let schema = match &journal {
            Ok(journal) => journal.schema,
            Err(_) => serde_json::from_slice::<Head>(bytes).map_err(refused)?.schema,
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
            .find_map(|(index, entry)| entry.as_path()?.strange_place(journal.transaction, index));
        match strange {
            None => Ok(journal),
            Some(place) => Err(unreadable(&format!(
                "it names {place}, where no run keeps anything: somebody wrote to the journal"
            ))),
        }
    }

    /// Enters the next phase; it counts once that is on the disk.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::DiskFull`]; then nothing of that phase may be done.
    pub fn enter(&mut self, host: &Host, phase: Phase) -> Result<(), Problem> {
        let before = std::mem::replace(&mut self.phase, phase);
        let written = host.write_record(RECORD, self);
        if written.is_err() {
            self.phase = before;
        }
        written
    }

    /// Whether anything but the staging area can have been touched.
    #[must_use]
    pub fn has_touched(&self) -> bool {
        self.phase != Phase::Preparing
    }

    /// What it does with accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountEntry> {
        self.entries.iter().filter_map(JournalEntry::as_account)
    }

    /// What it does with paths.
    pub fn paths(&self) -> impl Iterator<Item = &PathEntry> {
        self.entries.iter().filter_map(JournalEntry::as_path)
    }

    /// The commands that it runs.
    pub fn commands(&self) -> impl Iterator<Item = &CommandEntry> {
        self.entries.iter().filter_map(JournalEntry::as_command)
    }

    /// What it does with units.
    pub fn units(&self) -> impl Iterator<Item = &UnitEntry> {
        self.entries.iter().filter_map(JournalEntry::as_unit)
    }

    /// Copies of replaced or removed content that stay beyond the transaction, as absolute paths on the host.
    #[must_use]
    pub fn kept(&self) -> Vec<String> {
        let kept = self.paths().filter_map(PathEntry::kept);
        kept.filter(|kept| slots::is_copy(kept)).map(ToString::to_string).collect()
    }

    /// Whether systemd has to read its unit files again once the entries are undone.
    #[must_use]
    pub fn reloads_daemon(&self) -> bool {
        self.units().any(|entry| *entry == UnitEntry::DaemonReload)
    }
}

/// As much of a journal as tells whether the rest can be read.
#[derive(Deserialize)]
struct Head {
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

/// An interrupted run that the next apply will recover, for people.
#[must_use]
pub fn interrupted(host: &Host) -> Option<String> {
    match Journal::read(host) {
        Ok(journal) => Some(lock::describe(&journal?.holder)),
        Err(problem) => Some(problem.what),
    }
}
