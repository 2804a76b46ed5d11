//! A step on a path with what undoing it needs.

use nixfleet_contract::manifest::Access;
use nixfleet_contract::step::paths::{
    ChangeAccess, CreateDirectory, CreateHome, Own, Release, Remove, RemoveDirectory, WriteFile, WriteLink,
};
use nixfleet_contract::step::{PathStep, Step};
use nixfleet_contract::values::{AbsPath, ManagedPath};

use super::access::Rights;
use super::slots::{self, Slot};
use crate::engine::transaction::journal::written::{Facts, Mismatch, Written};

/// A step on a path with what undoing it needs. `kept`: where the old content is kept beyond the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathEntry {
    /// A home directory.
    CreateHome {
        /// The step.
        step: CreateHome,
        /// Where it is made ready.
        slot: Slot,
    },
    /// A directory.
    CreateDirectory {
        /// The step.
        step: CreateDirectory,
        /// Where it is made ready.
        slot: Slot,
        /// A copy of what makes way.
        kept: Option<AbsPath>,
    },
    /// A file.
    WriteFile {
        /// The step.
        step: WriteFile,
        /// Where it is made ready.
        slot: Slot,
        /// A copy of what makes way.
        kept: Option<AbsPath>,
    },
    /// A link.
    WriteLink {
        /// The step.
        step: WriteLink,
        /// Where it is made ready.
        slot: Slot,
        /// A copy of what makes way.
        kept: Option<AbsPath>,
    },
    /// A file with another mode or owner takes the place of one with the same content.
    ReplaceFile {
        /// The step.
        step: ChangeAccess,
        /// Where it is made ready.
        slot: Slot,
    },
    /// A directory gets another mode or owner where it stands.
    ChangeAccess {
        /// The step.
        step: ChangeAccess,
        /// As it was.
        before: Rights,
    },
    /// Something is managed from now on.
    Own {
        /// The step.
        step: Own,
        /// A copy of it.
        kept: Option<AbsPath>,
    },
    /// A file or link goes.
    Remove {
        /// The step.
        step: Remove,
        /// Where it goes.
        slot: Slot,
        /// A copy of it.
        kept: Option<AbsPath>,
    },
    /// An original comes back.
    Restore {
        /// The step.
        step: Remove,
        /// Where it is made ready.
        slot: Slot,
        /// A copy of what makes way.
        kept: Option<AbsPath>,
        /// Where it is kept so far.
        original: AbsPath,
    },
    /// A directory goes.
    RemoveDirectory {
        /// The step.
        step: RemoveDirectory,
        /// Where it goes.
        slot: Slot,
    },
    /// Nothing is done: the path is not managed any more.
    Release {
        /// The step.
        step: Release,
    },
}

impl PathEntry {
    /// Reads one of a journal.
    pub(in crate::engine) fn read(
        step: PathStep,
        facts: Facts,
        kept: Option<AbsPath>,
    ) -> Result<Self, Mismatch> {
        let only_slot = |facts: Facts, kept: Option<AbsPath>| match kept {
            None => facts.slot().map(|(slot, _)| slot),
            Some(_) => Err(Mismatch),
        };
        Ok(match step {
            PathStep::CreateHome(step) => Self::CreateHome { step, slot: only_slot(facts, kept)? },
            PathStep::CreateDirectory(step) => Self::CreateDirectory { step, slot: facts.slot()?.0, kept },
            PathStep::WriteFile(step) => Self::WriteFile { step, slot: facts.slot()?.0, kept },
            PathStep::WriteLink(step) => Self::WriteLink { step, slot: facts.slot()?.0, kept },
            PathStep::ChangeAccess(step) => match (facts, kept) {
                (Facts::Access { uid, gid, mode, inode }, None) => {
                    Self::ChangeAccess { step, before: Rights { uid, gid, mode, inode } }
                }
                (facts, kept) => Self::ReplaceFile { step, slot: only_slot(facts, kept)? },
            },
            PathStep::Own(step) => {
                facts.nothing()?;
                Self::Own { step, kept }
            }
            PathStep::Remove(step) => Self::Remove { step, slot: facts.slot()?.0, kept },
            PathStep::Restore(step) => {
                let (slot, original) = facts.slot()?;
                Self::Restore { step, slot, kept, original: original.ok_or(Mismatch)? }
            }
            PathStep::RemoveDirectory(step) => Self::RemoveDirectory { step, slot: only_slot(facts, kept)? },
            PathStep::Release(step) => match (facts.nothing(), kept) {
                (Ok(()), None) => Self::Release { step },
                _ => return Err(Mismatch),
            },
        })
    }

    /// The same as a journal has it.
    pub(in crate::engine) fn write(self) -> Written {
        let slot = |slot| Facts::of_slot(slot, None);
        let (step, facts, kept) = match self {
            Self::CreateHome { step, slot: it } => (PathStep::CreateHome(step), slot(it), None),
            Self::CreateDirectory { step, slot: it, kept } => {
                (PathStep::CreateDirectory(step), slot(it), kept)
            }
            Self::WriteFile { step, slot: it, kept } => (PathStep::WriteFile(step), slot(it), kept),
            Self::WriteLink { step, slot: it, kept } => (PathStep::WriteLink(step), slot(it), kept),
            Self::ReplaceFile { step, slot: it } => (PathStep::ChangeAccess(step), slot(it), None),
            Self::ChangeAccess { step, before } => {
                (PathStep::ChangeAccess(step), Facts::of_rights(before), None)
            }
            Self::Own { step, kept } => (PathStep::Own(step), Facts::Nothing, kept),
            Self::Remove { step, slot: it, kept } => (PathStep::Remove(step), slot(it), kept),
            Self::Restore { step, slot, kept, original } => {
                (PathStep::Restore(step), Facts::of_slot(slot, Some(original)), kept)
            }
            Self::RemoveDirectory { step, slot: it } => (PathStep::RemoveDirectory(step), slot(it), None),
            Self::Release { step } => (PathStep::Release(step), Facts::Nothing, None),
        };
        Written { step: Step::Path(step), facts, kept }
    }

    /// The path that it is about.
    #[must_use]
    pub const fn path(&self) -> &ManagedPath {
        match self {
            Self::CreateHome { step, .. } => &step.path,
            Self::CreateDirectory { step, .. } => &step.path,
            Self::WriteFile { step, .. } => &step.path,
            Self::WriteLink { step, .. } => &step.path,
            Self::ReplaceFile { step, .. } | Self::ChangeAccess { step, .. } => &step.path,
            Self::Own { step, .. } => &step.path,
            Self::Remove { step, .. } | Self::Restore { step, .. } => &step.path,
            Self::RemoveDirectory { step, .. } => &step.path,
            Self::Release { step } => &step.path,
        }
    }

    /// Where new and old exchange places, if they do.
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
            | Self::RemoveDirectory { slot, .. } => Some(slot),
            Self::ChangeAccess { .. } | Self::Own { .. } | Self::Release { .. } => None,
        }
    }

    /// The same, to be changed.
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
            | Self::RemoveDirectory { slot, .. } => Some(slot),
            Self::ChangeAccess { .. } | Self::Own { .. } | Self::Release { .. } => None,
        }
    }

    /// Where the old content is kept beyond the transaction, if it is.
    #[must_use]
    pub const fn kept(&self) -> Option<&AbsPath> {
        match self {
            Self::CreateDirectory { kept, .. }
            | Self::WriteFile { kept, .. }
            | Self::WriteLink { kept, .. }
            | Self::Own { kept, .. }
            | Self::Remove { kept, .. }
            | Self::Restore { kept, .. } => kept.as_ref(),
            Self::CreateHome { .. }
            | Self::ReplaceFile { .. }
            | Self::ChangeAccess { .. }
            | Self::RemoveDirectory { .. }
            | Self::Release { .. } => None,
        }
    }

    /// Mode and owner of what is made ready, where that has any.
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
            | Self::RemoveDirectory { .. }
            | Self::Release { .. } => None,
        }
    }

    /// A place that it names and that cannot be one of ours. `index`: its own among the entries of the transaction.
    pub(in crate::engine) fn strange_place(&self, transaction: u64, index: usize) -> Option<&AbsPath> {
        let kept = self.kept().filter(|kept| !slots::is_copy(kept) && !slots::is_original(kept));
        let is_strange = |slot: &&AbsPath| !slots::is_slot(slot, transaction, index, self.path());
        let slot = self.slot().map(|slot| &slot.place).filter(is_strange);
        let original = match self {
            Self::Restore { original, .. } => Some(original).filter(|original| !slots::is_original(original)),
            Self::CreateHome { .. }
            | Self::CreateDirectory { .. }
            | Self::WriteFile { .. }
            | Self::WriteLink { .. }
            | Self::ReplaceFile { .. }
            | Self::ChangeAccess { .. }
            | Self::Own { .. }
            | Self::Remove { .. }
            | Self::RemoveDirectory { .. }
            | Self::Release { .. } => None,
        };
        kept.or(slot).or(original)
    }
}
