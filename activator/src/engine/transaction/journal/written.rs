//! The written form of a journal entry. It can pair any step with any facts; reading accepts only valid
//! pairs, see [`crate::engine::family::JournalEntry`].

use std::collections::BTreeSet;

use nixfleet_contract::step::Step;
use nixfleet_contract::values::AbsPath;
use serde::{Deserialize, Serialize};

use crate::engine::family::paths::access::{Inode, Rights};
use crate::engine::family::paths::slots::{Replaced, Slot};
use crate::host::accounts::Account;
use crate::host::systemd::UnitState;

/// A step, with the facts that its undo needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenEntry {
    /// The step as planned.
    pub step: Step,
    /// The facts before the step.
    pub facts: Facts,
    /// The backup of the old content.
    #[serde(rename = "kept", default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<AbsPath>,
}

/// The facts that the undo of a step needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "of")]
pub enum Facts {
    /// Nothing.
    Nothing,
    /// Something replaces something else; the two are exchanged with this slot.
    Slot {
        /// Holds the new thing before the exchange, the old one after it.
        slot: AbsPath,
        /// Inode of the new thing, once it is staged.
        staged: Option<u64>,
        /// The thing at the path before the change; `None` if there was nothing.
        replaced: Option<Replaced>,
        /// The original to restore, if the step restores one.
        original: Option<AbsPath>,
    },
    /// Mode and owner of a directory before.
    Access {
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Permission bits.
        mode: u32,
        /// The directory they belong to; `None` in older journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inode: Option<Inode>,
    },
    /// The account before; `None` if there was none.
    Account {
        /// The account in the account files.
        before: Option<Account>,
    },
    /// The unit before.
    Unit {
        /// The state of the unit before the step.
        before: UnitState,
    },
    /// Commands to run once the old files are back.
    Command {
        /// The commands that the files named before, or the new one for a file that named none.
        back: BTreeSet<Vec<String>>,
    },
    /// The profile before.
    Profile {
        /// The number of the generation, if this transaction creates it.
        #[serde(rename = "begun")]
        created: Option<u64>,
    },
}

/// The facts do not belong to the step.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch;

impl Facts {
    pub(in crate::engine) fn nothing(self) -> Result<(), Mismatch> {
        if let Self::Nothing = self { Ok(()) } else { Err(Mismatch) }
    }

    /// The slot, and the original to restore.
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

    pub(in crate::engine) fn profile(self) -> Result<Option<u64>, Mismatch> {
        if let Self::Profile { created } = self { Ok(created) } else { Err(Mismatch) }
    }
}
