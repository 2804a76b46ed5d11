//! An entry as a journal has it. Any step could stand beside any facts there: only the pairs that make sense are read, see
//! [`crate::engine::family::JournalEntry`].

use std::collections::BTreeSet;

use nixfleet_contract::step::Step;
use nixfleet_contract::values::AbsPath;
use serde::{Deserialize, Serialize};

use crate::engine::family::paths::access::{Inode, Rights};
use crate::engine::family::paths::slots::{Replaced, Slot};
use crate::host::accounts::Account;
use crate::host::systemd::UnitState;

/// A step beside what undoing it needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// The step as planned.
    pub step: Step,
    /// What was there before.
    pub facts: Facts,
    /// Where the old content is kept beyond the transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<AbsPath>,
}

/// What undoing a step needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "of")]
pub enum Facts {
    /// Nothing.
    Nothing,
    /// Something takes the place of something else; the two exchange places with this slot.
    Slot {
        /// Holds the new thing before, the old one afterwards.
        slot: AbsPath,
        /// Inode of the new thing, once it is staged.
        staged: Option<u64>,
        /// What is replaced; nothing where nothing stands there.
        replaced: Option<Replaced>,
        /// The original that is put back, where that is what happens.
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
        /// Of which directory; older journals do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inode: Option<Inode>,
    },
    /// The account before; nothing where there was none.
    Account {
        /// As the account files had it.
        before: Option<Account>,
    },
    /// The unit before.
    Unit {
        /// As systemd showed it.
        before: UnitState,
    },
    /// Commands that undoing runs once the old files are back.
    Command {
        /// Those that the files named before; for a file that named none, the new one.
        back: BTreeSet<Vec<String>>,
    },
    /// The profile before.
    Profile {
        /// The number of a generation that is made only now.
        begun: Option<u64>,
    },
}

/// Facts that are no facts about the step that they stand beside.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch;

impl Facts {
    pub(in crate::engine) fn nothing(self) -> Result<(), Mismatch> {
        if let Self::Nothing = self { Ok(()) } else { Err(Mismatch) }
    }

    /// The slot, and the original that is put back.
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
        if let Self::Profile { begun } = self { Ok(begun) } else { Err(Mismatch) }
    }
}
