//! The serialized form of a journal entry. This form can combine any step with any facts. Its conversion to a
//! [`crate::engine::family::JournalEntry`] fails if the facts do not belong to the step.

use std::collections::BTreeSet;

use nixfleet_contract::step::Step;
use nixfleet_contract::values::AbsPath;
use serde::{Deserialize, Serialize};

use crate::engine::family::paths::access::{Inode, Rights};
use crate::engine::family::paths::slots::{Replaced, Slot};
use crate::engine::family::system::entry::BootFacts;
use crate::host::accounts::Account;
use crate::host::systemd::UnitState;

/// A step, together with the facts that are needed to undo it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenEntry {
    /// The step from the plan.
    pub step: Step,
    /// The facts about the host before the step.
    pub facts: Facts,
    /// The location of the backup of the old content.
    #[serde(rename = "kept", default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<AbsPath>,
}

/// The facts that are needed to undo a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "of")]
pub enum Facts {
    /// No facts are needed.
    Nothing,
    /// Facts about a step that exchanges new and old content through a slot.
    Slot {
        /// The path of the slot. It contains the new content before the exchange, and the old content
        /// afterwards.
        slot: AbsPath,
        /// The inode of the new content, or `None` if nothing is staged yet.
        staged: Option<u64>,
        /// The attributes of what existed at the managed path before the change, or `None` if nothing existed
        /// there.
        replaced: Option<Replaced>,
        /// The location of the original, if the step restores an original.
        original: Option<AbsPath>,
    },
    /// The mode and owner of a directory before the step.
    Access {
        /// The uid of the owner.
        uid: u32,
        /// The gid of the group.
        gid: u32,
        /// The permission bits.
        mode: u32,
        /// The identity of the directory, or `None` if an older version of NixFleet wrote the journal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inode: Option<Inode>,
    },
    /// The account before the step.
    Account {
        /// The account in the account files, or `None` if the account did not exist.
        before: Option<Account>,
    },
    /// The unit before the step.
    Unit {
        /// The state of the unit before the step.
        before: UnitState,
    },
    /// The commands to run after an undo has restored the old files.
    Command {
        /// The command of each file: the command in the recorded state or, if the recorded state has none,
        /// the command of the step.
        back: BTreeSet<Vec<String>>,
    },
    /// Facts about a step that activates a generation.
    Profile {
        /// The number of the generation that the step creates, or `None` if the generation existed before
        /// this transaction.
        #[serde(rename = "begun")]
        created: Option<u64>,
        /// The NixOS system for which the step creates a native generation with the same number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        native: Option<AbsPath>,
    },
    /// Facts about a step that changes what the host boots.
    Boot(BootFacts),
}

/// The error for facts that do not belong to the step.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch;

impl Facts {
    pub(in crate::engine) fn nothing(self) -> Result<(), Mismatch> {
        if let Self::Nothing = self { Ok(()) } else { Err(Mismatch) }
    }

    /// Returns the slot, and the location of the original if the step restores an original.
    pub(in crate::engine) fn slot(self) -> Result<(Slot, Option<AbsPath>), Mismatch> {
        let Self::Slot { slot, staged, replaced, original } = self else { return Err(Mismatch) };
        Ok((Slot { place: slot, staged, replaced }, original))
    }

    pub(in crate::engine) fn of_slot(slot: Slot, original: Option<AbsPath>) -> Self {
        Self::Slot { slot: slot.place, staged: slot.staged, replaced: slot.replaced, original }
    }

    pub(in crate::engine) fn of_rights(rights: Rights) -> Self {
        let Rights { uid, gid, mode, inode } = rights;
        Self::Access { uid, gid, mode, inode }
    }

    pub(in crate::engine) fn account(self) -> Result<Option<Account>, Mismatch> {
        if let Self::Account { before } = self { Ok(before) } else { Err(Mismatch) }
    }

    pub(in crate::engine) fn unit(self) -> Result<UnitState, Mismatch> {
        if let Self::Unit { before } = self { Ok(before) } else { Err(Mismatch) }
    }

    pub(in crate::engine) fn command(self) -> Result<BTreeSet<Vec<String>>, Mismatch> {
        if let Self::Command { back } = self { Ok(back) } else { Err(Mismatch) }
    }

    pub(in crate::engine) fn profile(self) -> Result<(Option<u64>, Option<AbsPath>), Mismatch> {
        if let Self::Profile { created, native } = self { Ok((created, native)) } else { Err(Mismatch) }
    }

    pub(in crate::engine) fn boot(self) -> Result<BootFacts, Mismatch> {
        if let Self::Boot(facts) = self { Ok(facts) } else { Err(Mismatch) }
    }
}
