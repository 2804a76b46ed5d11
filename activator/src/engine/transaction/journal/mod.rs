//! The journal of an open transaction: its steps, and the information that is needed to undo them.
//!
//! The journal is written to disk before the first change and is removed after the last change. It does not
//! record the progress of the run. Instead, the undo checks the state of each path, so the undo can be
//! interrupted and run again at any time.

pub mod written;

use std::collections::BTreeSet;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::system::ActivateSystem;
use nixfleet_contract::values::UnitName;
use serde::{Deserialize, Serialize};

use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::family::paths::entry::PathEntry;
use crate::engine::family::paths::slots::{self, SLOTS};
use crate::engine::family::system::entry::SystemEntry;
use crate::engine::family::units::entry::UnitEntry;
use crate::host::roots::Pinned;
use crate::host::systemd::Running;
use crate::host::{HOME, Host, boot, clock};

/// The name of the journal under [`HOME`].
pub const RECORD: &str = "journal.json";

/// The journal of an open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// The schema version, as [`Journal::schema_for`] returns it for new journals. Older schemas can be read,
    /// too.
    pub schema: u32,
    /// The number of the transaction. The recorded state contains the same number if the transaction is
    /// committed.
    pub transaction: u64,
    /// The run that holds the lock.
    pub holder: Holder,
    /// The latest phase that may have begun.
    pub phase: JournalPhase,
    /// The active generation before the transaction.
    pub before: Option<Generation>,
    /// The active generation after the transaction.
    pub after: Generation,
    /// The entries in the order of execution.
    #[serde(rename = "operations")]
    pub entries: Vec<JournalEntry>,
    /// The units that ran before the transaction. `None` if the transaction starts and stops no unit and
    /// activates no NixOS system, or if an older version of NixFleet wrote the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_units: Option<Before>,
    /// The id of the boot in which the transaction began; empty if it is unknown, or if an older version of
    /// NixFleet wrote the journal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot: String,
}

/// The units that ran before a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Every unit that was up, with its `ActiveState`.
    pub running: Running,
    /// The running units that systemd may stop as a side effect of the transaction.
    pub along: BTreeSet<UnitName>,
}

/// The phases of a transaction. The journal contains the latest phase that may have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalPhase {
    /// New content may be staged. Nothing else has been changed.
    Preparing,
    /// All new content is staged and validated. Accounts may have been changed.
    Accounts,
    /// Everything that the plan changes may have been changed. The undo identifies staged files and
    /// directories by their inodes.
    Swapping,
    /// The new NixOS system may have been activated, in addition to the changes of the earlier phases.
    Activating,
    /// The change is confirmed, and the state after the transaction is staged. The native profile and the
    /// boot loader may have been changed.
    Confirmed,
}

impl Journal {
    /// The schema of the journals that this activator writes. An activator refuses a journal with a newer
    /// schema, since it might not know how to undo every step in this journal.
    pub const SCHEMA: u32 = 3;
    /// The schema of a journal without steps that change the NixOS system. Older activators can read this
    /// schema, too.
    const WITHOUT_SYSTEM: u32 = 2;
    /// The oldest schema that can be read.
    const OLDEST: u32 = 1;

    /// Returns the schema of a new journal with these entries: the oldest schema that supports all of these
    /// entries.
    #[must_use]
    pub fn schema_for(entries: &[JournalEntry]) -> u32 {
        let has_system = entries.iter().any(|entry| entry.as_system().is_some());
        if has_system { Self::SCHEMA } else { Self::WITHOUT_SYSTEM }
    }

    /// Reads the journal of a host. Returns `None` if no transaction is open.
    ///
    /// # Errors
    /// [`Code::Recovery`] if the journal cannot be read.
    pub fn read(host: &Host) -> Result<Option<Self>, Problem> {
        let bytes = host.read_record(RECORD).map_err(|error| unreadable(&error.to_string()))?;
        bytes.map(|bytes| Self::parse(&bytes)).transpose()
    }

    /// Parses a journal.
    ///
    /// # Errors
    /// [`Code::Recovery`] if the journal cannot be parsed, or if it names a location that NixFleet never
    /// uses.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let refused = |error: serde_json::Error| unreadable(&error.to_string());
        let journal = serde_json::from_slice::<Self>(bytes);
        // If the whole journal cannot be parsed, only the schema is parsed, since a newer schema would
        // explain the failure.
        let schema = match &journal {
            Ok(journal) => journal.schema,
            Err(_) => serde_json::from_slice::<JournalHead>(bytes).map_err(refused)?.schema,
        };
        if schema > Self::SCHEMA {
            return Err(newer(schema));
        }
        let journal = journal.map_err(refused)?;
        if schema < Self::OLDEST {
            return Err(unreadable(&format!("the journal has schema {schema}")));
        }
        let strange = journal
            .entries
            .iter()
            .enumerate()
            .find_map(|(index, entry)| entry.as_path()?.invalid_place(journal.transaction, index));
        match strange {
            None => Ok(journal),
            Some(place) => Err(unreadable(&format!(
                "it names {place}, which no run uses: another program changed the journal"
            ))),
        }
    }

    /// Writes the next phase to the journal on disk, and then enters the phase.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::DiskFull`]. In this case, nothing that belongs to the phase may be done.
    pub fn enter(&mut self, host: &Host, phase: JournalPhase) -> Result<(), Problem> {
        let before = std::mem::replace(&mut self.phase, phase);
        let written = host.write_record(RECORD, self);
        if written.is_err() {
            self.phase = before;
        }
        written
    }

    /// Whether any managed path may have been changed.
    #[must_use]
    pub fn has_swapped(&self) -> bool {
        match self.phase {
            JournalPhase::Preparing | JournalPhase::Accounts => false,
            JournalPhase::Swapping | JournalPhase::Activating | JournalPhase::Confirmed => true,
        }
    }

    /// Whether anything except staged content may have been changed.
    #[must_use]
    pub fn has_touched(&self) -> bool {
        self.phase != JournalPhase::Preparing
    }

    /// Returns the entries on accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountEntry> {
        self.entries.iter().filter_map(JournalEntry::as_account)
    }

    /// Returns the entries on paths.
    pub fn paths(&self) -> impl Iterator<Item = &PathEntry> {
        self.entries.iter().filter_map(JournalEntry::as_path)
    }

    /// Returns the entries that run commands.
    pub fn commands(&self) -> impl Iterator<Item = &CommandEntry> {
        self.entries.iter().filter_map(JournalEntry::as_command)
    }

    /// Returns the entries on units.
    pub fn units(&self) -> impl Iterator<Item = &UnitEntry> {
        self.entries.iter().filter_map(JournalEntry::as_unit)
    }

    /// Returns the entries on the NixOS system.
    pub fn systems(&self) -> impl Iterator<Item = &SystemEntry> {
        self.entries.iter().filter_map(JournalEntry::as_system)
    }

    /// Returns the activation of a NixOS system, if the transaction has one.
    #[must_use]
    pub fn activation(&self) -> Option<&ActivateSystem> {
        self.systems().find_map(SystemEntry::activation)
    }

    /// Whether the transaction changes what the host boots.
    #[must_use]
    pub fn changes_boot(&self) -> bool {
        self.systems().any(|entry| entry.activation().is_none())
    }

    /// Returns the store paths that the transaction and its undo need.
    #[must_use]
    pub fn pinned(&self) -> Pinned<'_> {
        Pinned {
            closure: &self.after.closure,
            running: self.activation().map(|step| &*step.from),
            before: self.before.as_ref().map(|generation| generation.closure.as_str()),
            default: self
                .systems()
                .find_map(SystemEntry::boot_facts)
                .and_then(|facts| facts.system.as_deref()),
        }
    }

    /// Whether the host was restarted after the transaction began.
    #[must_use]
    pub fn is_of_earlier_boot(&self, host: &Host) -> bool {
        !self.boot.is_empty() && self.boot != boot::id(host)
    }

    /// Returns the absolute paths of the backups that remain after the transaction, except originals.
    #[must_use]
    pub fn backups(&self) -> Vec<String> {
        let backups = self.paths().filter_map(PathEntry::backup);
        backups.filter(|backup| slots::is_copy(backup)).map(ToString::to_string).collect()
    }

    /// Whether systemd must reload its unit files after the undo.
    #[must_use]
    pub fn reloads_daemon(&self) -> bool {
        self.units().any(|entry| *entry == UnitEntry::DaemonReload)
    }
}

/// The schema of a journal. It tells whether the rest of the journal can be read.
#[derive(Deserialize)]
struct JournalHead {
    schema: u32,
}

fn newer(schema: u32) -> Problem {
    let (oldest, newest) = (Journal::OLDEST, Journal::SCHEMA);
    Problem::new(Code::Recovery, "a run of a newer NixFleet was interrupted on the host")
        .at(format!("{HOME}/{RECORD}"))
        .because(format!(
            "the journal of that run has schema {schema}, but this activator can read only schemas {oldest} \
             to {newest}; nothing was changed"
        ))
        .help("apply with the newer NixFleet")
}

fn unreadable(why: &str) -> Problem {
    let copies = format!("{HOME}/{SLOTS}");
    Problem::new(Code::Recovery, "the journal of an interrupted run cannot be read")
        .at(format!("{HOME}/{RECORD}"))
        .because(format!("{why}; this command changed nothing"))
        .help(format!(
            "by hand, restore the files that the interrupted run replaced, using the copies in {copies} and, \
             on other filesystems, those named .nixfleet-tx-*; then move the journal away"
        ))
}

/// Describes the interrupted run on the host. The next apply recovers the host first. Returns `None` if no
/// run was interrupted.
#[must_use]
pub fn interrupted(host: &Host) -> Option<String> {
    match Journal::read(host) {
        Ok(journal) => Some(journal?.holder.interrupted(clock::seconds())),
        Err(problem) => Some(problem.what),
    }
}
