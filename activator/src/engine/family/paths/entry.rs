//! The journal entries of steps on paths.

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

/// A step on a path, together with the information that is needed to undo it. In each variant, `slot` is the
/// location through which the new and the old content swap places, and `backup` is the location of the backup
/// of the old content. The backup remains after the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathEntry {
    /// Creates a home directory.
    CreateHome {
        /// The step from the plan.
        step: CreateHome,
        /// The slot in which the directory is staged.
        slot: Slot,
    },
    /// Creates a directory.
    CreateDirectory {
        /// The step from the plan.
        step: CreateDirectory,
        /// The slot in which the directory is staged.
        slot: Slot,
        /// The backup of what the directory replaces.
        backup: Option<AbsPath>,
    },
    /// Creates or replaces a file.
    WriteFile {
        /// The step from the plan.
        step: WriteFile,
        /// The slot in which the file is staged.
        slot: Slot,
        /// The backup of what the file replaces.
        backup: Option<AbsPath>,
    },
    /// Creates or replaces a link.
    WriteLink {
        /// The step from the plan.
        step: WriteLink,
        /// The slot in which the link is staged.
        slot: Slot,
        /// The backup of what the link replaces.
        backup: Option<AbsPath>,
    },
    /// Replaces a file with a file that has the same content, but a different mode or owner.
    ReplaceFile {
        /// The step from the plan.
        step: ChangeAccess,
        /// The slot in which the new file is staged.
        slot: Slot,
    },
    /// Changes the mode or owner of a directory in place.
    ChangeAccess {
        /// The step from the plan.
        step: ChangeAccess,
        /// The rights of the directory before the step.
        before: Rights,
    },
    /// Starts to manage a path without changing what exists there.
    Own {
        /// The step from the plan.
        step: Own,
        /// The backup of what exists at the path.
        backup: Option<AbsPath>,
    },
    /// Removes a file or link.
    Remove {
        /// The step from the plan.
        step: Remove,
        /// The slot into which the file or link is moved.
        slot: Slot,
        /// The backup of the file or link.
        backup: Option<AbsPath>,
    },
    /// Restores an original: what existed at a path before NixFleet managed it.
    Restore {
        /// The step from the plan.
        step: Remove,
        /// The slot in which the original is staged.
        slot: Slot,
        /// The backup of what the original replaces.
        backup: Option<AbsPath>,
        /// The location of the original before the step.
        original: AbsPath,
    },
    /// Moves a directory into its backup.
    MoveAway {
        /// The step from the plan.
        step: MoveAway,
        /// The slot that contains the directory until the transaction is committed.
        slot: Slot,
        /// The location of the directory after the commit.
        backup: AbsPath,
    },
    /// Moves a directory out of its backup.
    MoveBack {
        /// The step from the plan.
        step: Remove,
        /// The slot through which the directory is exchanged with what exists at the path. `staged` in this
        /// slot is the inode of the directory, even before the directory is moved into the slot.
        slot: Slot,
        /// The backup of what the directory replaces.
        backup: Option<AbsPath>,
        /// The location of the directory before the step.
        original: AbsPath,
    },
    /// Removes a directory.
    RemoveDirectory {
        /// The step from the plan.
        step: RemoveDirectory,
        /// The slot into which the directory is moved.
        slot: Slot,
    },
    /// Ends the management of a path without changing anything at the path.
    Release {
        /// The step from the plan.
        step: Release,
    },
}

impl PathEntry {
    /// Creates the entry from a step, its facts and the location of its backup, which were read from a
    /// journal.
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

    /// Converts the entry to its form in the journal.
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

    /// Returns the path of the step.
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

    /// Returns the slot through which the new and the old content swap places, or `None` if the step has no
    /// slot.
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

    /// Returns the slot mutably, or `None` if the step has no slot.
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

    /// Returns the location of the backup of the old content, if there is one.
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

    /// Returns the mode and owner that the plan gives to the staged file or directory, or `None` if the plan
    /// sets neither.
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

    /// Checks the locations of the slot, backup and original in this entry. Returns a location that NixFleet
    /// cannot have chosen, or `None` if all locations are valid. `index` is the position of the entry in the
    /// transaction.
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
