//! A step on a path, with what its undo needs.

use nixfleet_contract::manifest::Access;
use nixfleet_contract::step::paths::{
    ChangeAccess, CreateDirectory, CreateHome, MoveAway, Own, Release, Remove, RemoveDirectory, WriteFile,
    WriteLink,
};
use nixfleet_contract::step::{PathStep, Step};
use nixfleet_contract::values::{AbsPath, ManagedPath};

use super::access::Rights;
use super::slots::{self, Slot};
use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};

/// A step on a path, with what its undo needs. `backup`: the backup of the old content, which outlives the
/// transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathEntry {
    /// A home directory.
    CreateHome {
        /// The step.
        step: CreateHome,
        /// Where it is staged.
        slot: Slot,
    },
    /// A directory.
    CreateDirectory {
        /// The step.
        step: CreateDirectory,
        /// Where it is staged.
        slot: Slot,
        /// The backup of what is replaced.
        backup: Option<AbsPath>,
    },
    /// A file.
    WriteFile {
        /// The step.
        step: WriteFile,
        /// Where it is staged.
        slot: Slot,
        /// The backup of what is replaced.
        backup: Option<AbsPath>,
    },
    /// A link.
    WriteLink {
        /// The step.
        step: WriteLink,
        /// Where it is staged.
        slot: Slot,
        /// The backup of what is replaced.
        backup: Option<AbsPath>,
    },
    /// A file that replaces one with the same content, because its mode or owner changes.
    ReplaceFile {
        /// The step.
        step: ChangeAccess,
        /// Where it is staged.
        slot: Slot,
    },
    /// A directory whose mode or owner changes in place.
    ChangeAccess {
        /// The step.
        step: ChangeAccess,
        /// Its rights before the step.
        before: Rights,
    },
    /// Something that becomes managed without a change.
    Own {
        /// The step.
        step: Own,
        /// The backup of it.
        backup: Option<AbsPath>,
    },
    /// A file or link that is removed.
    Remove {
        /// The step.
        step: Remove,
        /// Where it is moved.
        slot: Slot,
        /// The backup of it.
        backup: Option<AbsPath>,
    },
    /// An original that is restored.
    Restore {
        /// The step.
        step: Remove,
        /// Where it is staged.
        slot: Slot,
        /// The backup of what is replaced.
        backup: Option<AbsPath>,
        /// Where the original is kept now.
        original: AbsPath,
    },
    /// A directory that is moved into its backup.
    MoveAway {
        /// The step.
        step: MoveAway,
        /// Where it is until the transaction is committed.
        slot: Slot,
        /// Where it is after that.
        backup: AbsPath,
    },
    /// A directory that is moved out of its backup.
    MoveBack {
        /// The step.
        step: Remove,
        /// Where it is exchanged with what stands at the path. `staged` is its inode from the beginning.
        slot: Slot,
        /// The backup of what is replaced.
        backup: Option<AbsPath>,
        /// Where it is before the step.
        original: AbsPath,
    },
    /// A directory that is removed.
    RemoveDirectory {
        /// The step.
        step: RemoveDirectory,
        /// Where it is moved.
        slot: Slot,
    },
    /// A path that is no longer managed. Nothing is done to it.
    Release {
        /// The step.
        step: Release,
    },
}

impl PathEntry {
    /// Reads an entry from a journal.
    pub(in crate::engine) fn read(
        step: PathStep,
        facts: Facts,
        backup: Option<AbsPath>,
    ) -> Result<Self, Mismatch> {
        let only_slot = |facts: Facts, backup: Option<AbsPath>| match backup {
            None => facts.slot().map(|(slot, _)| slot),
            Some(_) => Err(Mismatch),
        };
        Ok(match step {
            PathStep::CreateHome(step) => Self::CreateHome { step, slot: only_slot(facts, backup)? },
            PathStep::CreateDirectory(step) => Self::CreateDirectory { step, slot: facts.slot()?.0, backup },
            PathStep::WriteFile(step) => Self::WriteFile { step, slot: facts.slot()?.0, backup },
            PathStep::WriteLink(step) => Self::WriteLink { step, slot: facts.slot()?.0, backup },
            PathStep::ChangeAccess(step) => match (facts, backup) {
                (Facts::Access { uid, gid, mode, inode }, None) => {
                    Self::ChangeAccess { step, before: Rights { uid, gid, mode, inode } }
                }
                (facts, backup) => Self::ReplaceFile { step, slot: only_slot(facts, backup)? },
            },
            PathStep::Own(step) => {
                facts.nothing()?;
                Self::Own { step, backup }
            }
            PathStep::Remove(step) => Self::Remove { step, slot: facts.slot()?.0, backup },
            PathStep::Restore(step) => {
                let (slot, original) = facts.slot()?;
                Self::Restore { step, slot, backup, original: original.ok_or(Mismatch)? }
            }
            PathStep::MoveAway(step) => {
                Self::MoveAway { step, slot: facts.slot()?.0, backup: backup.ok_or(Mismatch)? }
            }
            PathStep::MoveBack(step) => {
                let (slot, original) = facts.slot()?;
                Self::MoveBack { step, slot, backup, original: original.ok_or(Mismatch)? }
            }
            PathStep::RemoveDirectory(step) => {
                Self::RemoveDirectory { step, slot: only_slot(facts, backup)? }
            }
            PathStep::Release(step) => match (facts.nothing(), backup) {
                (Ok(()), None) => Self::Release { step },
                _ => return Err(Mismatch),
            },
        })
    }

    /// The entry in its journal form.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        let slot = |slot| Facts::of_slot(slot, None);
        let (step, facts, backup) = match self {
            Self::CreateHome { step, slot: it } => (PathStep::CreateHome(step), slot(it), None),
            Self::CreateDirectory { step, slot: it, backup } => {
                (PathStep::CreateDirectory(step), slot(it), backup)
            }
            Self::WriteFile { step, slot: it, backup } => (PathStep::WriteFile(step), slot(it), backup),
            Self::WriteLink { step, slot: it, backup } => (PathStep::WriteLink(step), slot(it), backup),
            Self::ReplaceFile { step, slot: it } => (PathStep::ChangeAccess(step), slot(it), None),
            Self::ChangeAccess { step, before } => {
                (PathStep::ChangeAccess(step), Facts::of_rights(before), None)
            }
            Self::Own { step, backup } => (PathStep::Own(step), Facts::Nothing, backup),
            Self::Remove { step, slot: it, backup } => (PathStep::Remove(step), slot(it), backup),
            Self::Restore { step, slot, backup, original } => {
                (PathStep::Restore(step), Facts::of_slot(slot, Some(original)), backup)
            }
            Self::MoveAway { step, slot: it, backup } => (PathStep::MoveAway(step), slot(it), Some(backup)),
            Self::MoveBack { step, slot, backup, original } => {
                (PathStep::MoveBack(step), Facts::of_slot(slot, Some(original)), backup)
            }
            Self::RemoveDirectory { step, slot: it } => (PathStep::RemoveDirectory(step), slot(it), None),
            Self::Release { step } => (PathStep::Release(step), Facts::Nothing, None),
        };
        WrittenEntry { step: Step::Path(step), facts, backup }
    }

    /// The path of the step.
    #[must_use]
    pub const fn path(&self) -> &ManagedPath {
        match self {
            Self::CreateHome { step, .. } => &step.path,
            Self::CreateDirectory { step, .. } => &step.path,
            Self::WriteFile { step, .. } => &step.path,
            Self::WriteLink { step, .. } => &step.path,
            Self::ReplaceFile { step, .. } | Self::ChangeAccess { step, .. } => &step.path,
            Self::Own { step, .. } => &step.path,
            Self::Remove { step, .. } | Self::Restore { step, .. } | Self::MoveBack { step, .. } => {
                &step.path
            }
            Self::MoveAway { step, .. } => &step.path,
            Self::RemoveDirectory { step, .. } => &step.path,
            Self::Release { step } => &step.path,
        }
    }

    /// The slot in which old and new exchange places, if there is one.
    #[must_use]
    pub const fn slot(&self) -> Option<&Slot> {
        match self {
            Self::CreateHome { slot, .. }
            | Self::CreateDirectory { slot, .. }
            | Self::WriteFile { slot, .. }
            | Self::WriteLink { slot, .. }
            | Self::ReplaceFile { slot, .. }
            | Self::Remove { slot, .. }
            | Self::Restore { slot, .. }
            | Self::MoveAway { slot, .. }
            | Self::MoveBack { slot, .. }
            | Self::RemoveDirectory { slot, .. } => Some(slot),
            Self::ChangeAccess { .. } | Self::Own { .. } | Self::Release { .. } => None,
        }
    }

    /// The slot, mutable.
    #[must_use]
    pub const fn slot_mut(&mut self) -> Option<&mut Slot> {
        match self {
            Self::CreateHome { slot, .. }
            | Self::CreateDirectory { slot, .. }
            | Self::WriteFile { slot, .. }
            | Self::WriteLink { slot, .. }
            | Self::ReplaceFile { slot, .. }
            | Self::Remove { slot, .. }
            | Self::Restore { slot, .. }
            | Self::MoveAway { slot, .. }
            | Self::MoveBack { slot, .. }
            | Self::RemoveDirectory { slot, .. } => Some(slot),
            Self::ChangeAccess { .. } | Self::Own { .. } | Self::Release { .. } => None,
        }
    }

    /// The backup of the old content, if there is one.
    #[must_use]
    pub const fn backup(&self) -> Option<&AbsPath> {
        match self {
            Self::CreateDirectory { backup, .. }
            | Self::WriteFile { backup, .. }
            | Self::WriteLink { backup, .. }
            | Self::Own { backup, .. }
            | Self::Remove { backup, .. }
            | Self::Restore { backup, .. }
            | Self::MoveBack { backup, .. } => backup.as_ref(),
            Self::MoveAway { backup, .. } => Some(backup),
            Self::CreateHome { .. }
            | Self::ReplaceFile { .. }
            | Self::ChangeAccess { .. }
            | Self::RemoveDirectory { .. }
            | Self::Release { .. } => None,
        }
    }

    /// Mode and owner of the staged thing, if it has any.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::CreateHome { step, .. } => Some(&step.access),
            Self::CreateDirectory { step, .. } => Some(&step.access),
            Self::WriteFile { step, .. } => Some(&step.after.access),
            Self::ReplaceFile { step, .. } => Some(&step.after),
            Self::WriteLink { .. }
            | Self::ChangeAccess { .. }
            | Self::Own { .. }
            | Self::Remove { .. }
            | Self::Restore { .. }
            | Self::MoveAway { .. }
            | Self::MoveBack { .. }
            | Self::RemoveDirectory { .. }
            | Self::Release { .. } => None,
        }
    }

    /// A place that the entry names and that NixFleet cannot have chosen. `index`: the position of the entry
    /// in the transaction.
    pub(in crate::engine) fn invalid_place(&self, transaction: u64, index: usize) -> Option<&AbsPath> {
        let backup = self.backup().filter(|backup| !slots::is_copy(backup) && !slots::is_original(backup));
        let is_invalid = |slot: &&AbsPath| !slots::is_slot(slot, transaction, index, self.path());
        let slot = self.slot().map(|slot| &slot.place).filter(is_invalid);
        let original = match self {
            Self::Restore { original, .. } | Self::MoveBack { original, .. } => {
                Some(original).filter(|original| !slots::is_original(original))
            }
            Self::CreateHome { .. }
            | Self::CreateDirectory { .. }
            | Self::WriteFile { .. }
            | Self::WriteLink { .. }
            | Self::ReplaceFile { .. }
            | Self::ChangeAccess { .. }
            | Self::Own { .. }
            | Self::Remove { .. }
            | Self::MoveAway { .. }
            | Self::RemoveDirectory { .. }
            | Self::Release { .. } => None,
        };
        backup.or(slot).or(original)
    }
}
