//! The step families. The steps of a family change one kind of object on a host, such as files or accounts.
//! The folder of a family contains the code that plans, executes and undoes its steps. The step types are
//! part of the plan and are defined in [`nixfleet_contract::step`].
//!
//! - [`accounts`]: users and groups
//! - [`paths`]: files, links and directories
//! - [`profile`]: the active generation and its package profile
//! - [`commands`]: commands that run when files change
//! - [`units`]: systemd units
//! - [`system`]: the NixOS system that the host runs and boots

// Forbids `_` arms in matches on enums: after a new kind of step is added, the code does not compile until
// every match handles it.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod accounts;
pub mod commands;
pub mod paths;
pub mod profile;
pub mod system;
pub mod units;

use nixfleet_contract::step::Step;
use nixfleet_contract::values::AbsPath;
use serde::{Deserialize, Serialize};

use self::accounts::entry::AccountEntry;
use self::commands::entry::CommandEntry;
use self::paths::entry::PathEntry;
use self::profile::entry::ProfileEntry;
use self::system::entry::SystemEntry;
use self::units::entry::UnitEntry;
use super::transaction::journal::written::{Mismatch, WrittenEntry};

/// A journal entry: a step, together with the information that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenEntry", into = "WrittenEntry")]
pub enum JournalEntry {
    /// A step on a user or group.
    Account(AccountEntry),
    /// A step on a file, link or directory.
    Path(PathEntry),
    /// The step that activates a generation and its package profile.
    Profile(ProfileEntry),
    /// The step that runs a command because files changed.
    Command(CommandEntry),
    /// A step on a systemd unit.
    Unit(UnitEntry),
    /// A step on the NixOS system.
    System(SystemEntry),
}

impl JournalEntry {
    /// Returns the account entry, or `None` if the step is of another family.
    #[must_use]
    pub const fn as_account(&self) -> Option<&AccountEntry> {
        if let Self::Account(entry) = self { Some(entry) } else { None }
    }

    /// Returns the path entry, or `None` if the step is of another family.
    #[must_use]
    pub const fn as_path(&self) -> Option<&PathEntry> {
        if let Self::Path(entry) = self { Some(entry) } else { None }
    }

    /// Returns the path entry mutably, or `None` if the step is of another family.
    #[must_use]
    pub const fn as_path_mut(&mut self) -> Option<&mut PathEntry> {
        if let Self::Path(entry) = self { Some(entry) } else { None }
    }

    /// Returns the command entry, or `None` if the step is of another family.
    #[must_use]
    pub const fn as_command(&self) -> Option<&CommandEntry> {
        if let Self::Command(entry) = self { Some(entry) } else { None }
    }

    /// Returns the unit entry, or `None` if the step is of another family.
    #[must_use]
    pub const fn as_unit(&self) -> Option<&UnitEntry> {
        if let Self::Unit(entry) = self { Some(entry) } else { None }
    }

    /// Returns the system entry, or `None` if the step is of another family.
    #[must_use]
    pub const fn as_system(&self) -> Option<&SystemEntry> {
        if let Self::System(entry) = self { Some(entry) } else { None }
    }
}

impl TryFrom<WrittenEntry> for JournalEntry {
    type Error = String;

    fn try_from(WrittenEntry { step, facts, backup }: WrittenEntry) -> Result<Self, String> {
        let what = step.line();
        let without_backup = |backup: Option<AbsPath>| backup.map_or(Ok(()), |_| Err(Mismatch));
        let entry = match step {
            Step::Path(step) => PathEntry::read(step, facts, backup).map(Self::Path),
            Step::Account(step) => {
                without_backup(backup).and_then(|()| AccountEntry::read(step, facts)).map(Self::Account)
            }
            Step::Profile(step) => {
                without_backup(backup).and_then(|()| ProfileEntry::read(&step, facts)).map(Self::Profile)
            }
            Step::Command(step) => {
                without_backup(backup).and_then(|()| CommandEntry::read(step, facts)).map(Self::Command)
            }
            Step::Unit(step) => {
                without_backup(backup).and_then(|()| UnitEntry::read(step, facts)).map(Self::Unit)
            }
            Step::System(step) => {
                without_backup(backup).and_then(|()| SystemEntry::read(step, facts)).map(Self::System)
            }
        };
        entry.map_err(|Mismatch| format!("the facts do not fit the step: {what}"))
    }
}

impl From<JournalEntry> for WrittenEntry {
    fn from(entry: JournalEntry) -> Self {
        match entry {
            JournalEntry::Account(entry) => entry.write(),
            JournalEntry::Path(entry) => entry.write(),
            JournalEntry::Profile(entry) => entry.write(),
            JournalEntry::Command(entry) => entry.write(),
            JournalEntry::Unit(entry) => entry.write(),
            JournalEntry::System(entry) => entry.write(),
        }
    }
}
