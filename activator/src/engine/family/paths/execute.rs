//! Executes and undoes changes of paths.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::ManagedPath;

use super::access;
use super::entry::PathEntry;
use super::late_owners;
use super::slots::{self, Slot};
use super::swap::{Places, Swapper};
use crate::engine::transaction::flush::sync_directories;
use crate::engine::transaction::journal::{Journal, JournalPhase};
use crate::engine::transaction::undo::forget_original;
use crate::host::Host;
use crate::host::accounts::Accounts;
use crate::host::walk::WalkRefusal;

/// Executes the steps that change paths on a host.
pub struct PathChanges<'a> {
    host: &'a Host,
    swapper: Swapper<'a>,
    /// The directories in which names have changed. They must be synced before a later step depends on them.
    touched: BTreeSet<String>,
    /// Whether missing owners are created later in the transaction.
    owners_follow: bool,
}

impl<'a> PathChanges<'a> {
    /// Creates an executor for changes of paths on this host.
    #[must_use]
    pub const fn new(host: &'a Host) -> Self {
        Self { host, swapper: Swapper::new(host), touched: BTreeSet::new(), owners_follow: false }
    }

    /// Creates an executor for a transaction that activates a NixOS system after it has changed the paths. If
    /// the new owner of a directory does not exist yet, this executor only removes the permissions that the
    /// directory will lose. [`late_owners`] changes the owner and the rest later.
    #[must_use]
    pub fn before_activation(host: &'a Host) -> Self {
        Self { owners_follow: true, ..Self::new(host) }
    }

    /// Executes the step of a journal entry.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::PlanOutdated`] if the path has changed since it was planned, or
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn perform(&mut self, entry: &PathEntry) -> Result<(), Problem> {
        match entry {
            PathEntry::CreateHome { step, slot } => {
                let places = self.touch(&step.path, slot);
                self.swapper.bring_in(places, None)
            }
            PathEntry::WriteFile { slot, .. }
            | PathEntry::WriteLink { slot, .. }
            | PathEntry::ReplaceFile { slot, .. }
            | PathEntry::CreateDirectory { slot, .. }
            | PathEntry::Restore { slot, .. } => {
                let places = self.touch(entry.path(), slot);
                self.swapper.bring_in(places, slot.replaced)
            }
            PathEntry::Remove { step, slot, .. } => {
                let places = self.touch(&step.path, slot);
                self.swapper.take_out(places, slot.replaced)
            }
            PathEntry::MoveAway { step, slot, .. } => {
                let places = self.touch(&step.path, slot);
                self.swapper.move_out(places, slot.replaced, step.with_content)
            }
            PathEntry::MoveBack { step, slot, original, .. } => {
                let places = self.touch(&step.path, slot);
                self.carry(original, &slot.place, slot.staged).map_err(|refusal| refusal.problem)?;
                self.swapper.bring_in(places, slot.replaced)
            }
            PathEntry::RemoveDirectory { step, slot } => {
                let places = self.touch(&step.path, slot);
                self.swapper.take_out_if_empty(places)
            }
            PathEntry::ChangeAccess { step, before } => {
                let follows =
                    self.owners_follow && late_owners::is_missing(&Accounts::read(self.host)?, &step.after);
                let change = if follows { access::close } else { access::change };
                change(self.host, &step.path, *before, &step.after)
            }
            // These steps change only the recorded state.
            PathEntry::Own { .. } | PathEntry::Release { .. } => Ok(()),
        }
    }

    fn touch<'e>(&mut self, path: &'e str, slot: &'e Slot) -> Places<'e> {
        for path in [path, &slot.place] {
            let directory = directory_of(path);
            if !self.touched.contains(directory) {
                self.touched.insert(directory.to_owned());
            }
        }
        Places { path, slot: &slot.place }
    }

    /// Moves a directory from a slot to a backup, or from a backup to a slot.
    fn carry(&mut self, from: &str, to: &str, inode: Option<u64>) -> Result<(), WalkRefusal> {
        self.touched.extend([from, to].map(|place| directory_of(place).to_owned()));
        self.swapper.carry(from, to, inode)
    }

    /// Syncs the directories in which names have changed.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn sync(&mut self) -> Result<(), Problem> {
        sync_directories(self.host, &std::mem::take(&mut self.touched))
    }
}

fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Undoes the changes of paths.
pub struct PathUndo<'a> {
    changes: PathChanges<'a>,
    /// The inode of each directory that the transaction put in place of a file, a link or another directory.
    became: BTreeMap<&'a str, u64>,
}

impl<'a> PathUndo<'a> {
    /// Creates an undo for the transaction in this journal.
    #[must_use]
    pub fn new(host: &'a Host, journal: &'a Journal) -> Self {
        let became = journal.paths().filter_map(|entry| match entry {
            PathEntry::CreateDirectory { step, slot: Slot { staged, replaced: Some(_), .. }, .. } => {
                Some((&*step.path, (*staged)?))
            }
            PathEntry::CreateDirectory { .. }
            | PathEntry::CreateHome { .. }
            | PathEntry::WriteFile { .. }
            | PathEntry::WriteLink { .. }
            | PathEntry::ReplaceFile { .. }
            | PathEntry::ChangeAccess { .. }
            | PathEntry::Own { .. }
            | PathEntry::Remove { .. }
            | PathEntry::Restore { .. }
            | PathEntry::MoveAway { .. }
            | PathEntry::MoveBack { .. }
            | PathEntry::RemoveDirectory { .. }
            | PathEntry::Release { .. } => None,
        });
        Self { became: became.collect(), changes: PathChanges::new(host) }
    }

    /// Undoes the step of a journal entry, as far as the step was executed. Returns a note if the path is
    /// left unchanged because another user controls it.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn undo(&mut self, entry: &PathEntry) -> Result<Option<String>, Problem> {
        match self.exchange_back(entry) {
            Ok(()) => {}
            // A path that another user has blocked must not prevent the rollback of the rest of the host.
            Err(WalkRefusal { problem, is_others: true }) => {
                return Ok(Some(left_to_others(entry.path(), &problem)));
            }
            Err(WalkRefusal { problem, .. }) => return Err(problem),
        }
        match entry {
            PathEntry::ChangeAccess { step, before } => {
                access::give_back(self.changes.host, &step.path, *before)
            }
            PathEntry::CreateHome { .. }
            | PathEntry::CreateDirectory { .. }
            | PathEntry::WriteFile { .. }
            | PathEntry::WriteLink { .. }
            | PathEntry::ReplaceFile { .. }
            | PathEntry::Own { .. }
            | PathEntry::Remove { .. }
            | PathEntry::Restore { .. }
            | PathEntry::MoveAway { .. }
            | PathEntry::MoveBack { .. }
            | PathEntry::RemoveDirectory { .. }
            | PathEntry::Release { .. } => Ok(None),
        }
    }

    /// Swaps the new and the old content of the path back, if the step has swapped them.
    fn exchange_back(&mut self, entry: &PathEntry) -> Result<(), WalkRefusal> {
        let path = entry.path();
        match entry {
            PathEntry::CreateHome { slot, .. } => {
                let Some((places, staged)) = self.exchange_to_undo(path, slot)? else { return Ok(()) };
                self.changes.swapper.take_home(self.changes.host, places, staged)?;
            }
            PathEntry::CreateDirectory { slot, .. } => {
                let Some((places, staged)) = self.exchange_to_undo(path, slot)? else { return Ok(()) };
                if self.changes.swapper.remove_created(places, staged)? {
                    self.changes.swapper.bring_back(places, staged)?;
                }
            }
            PathEntry::MoveBack { slot, original, .. } => {
                // This call comes before the destination is opened: if the directory is still in the slot,
                // the undo must succeed even if another user has made the path to the destination unsafe.
                self.changes.carry(&slot.place, original, slot.staged)?;
                let Some((places, staged)) = self.exchange_to_undo(path, slot)? else { return Ok(()) };
                self.changes.swapper.bring_back(places, staged)?;
                self.changes.carry(&slot.place, original, slot.staged)?;
            }
            PathEntry::WriteFile { slot, .. }
            | PathEntry::WriteLink { slot, .. }
            | PathEntry::ReplaceFile { slot, .. }
            | PathEntry::Remove { slot, .. }
            | PathEntry::Restore { slot, .. }
            | PathEntry::MoveAway { slot, .. }
            | PathEntry::RemoveDirectory { slot, .. } => {
                let Some((places, staged)) = self.exchange_to_undo(path, slot)? else { return Ok(()) };
                self.changes.swapper.bring_back(places, staged)?;
            }
            PathEntry::ChangeAccess { .. } | PathEntry::Own { .. } | PathEntry::Release { .. } => {}
        }
        Ok(())
    }

    /// Prepares the undo of a step that exchanged a path and its slot. Returns both, and the inode that the
    /// step put at the path, so that the caller can exchange them back. If the step only moved a file, link
    /// or directory into the slot, this function moves it back. It then returns `None`, as if a directory
    /// above the path is gone.
    fn exchange_to_undo<'e>(
        &mut self,
        path: &'e ManagedPath,
        slot: &'e Slot,
    ) -> Result<Option<(Places<'e>, u64)>, WalkRefusal> {
        if self.is_gone_from_above(path)? {
            return Ok(None);
        }
        let places = self.changes.touch(path, slot);
        if let Some(staged) = slot.staged {
            return Ok(Some((places, staged)));
        }
        self.changes.swapper.put_back(places).map(|()| None)
    }

    /// The transaction may put a new directory in place of a file, a link or another directory. Returns
    /// whether such a directory above the path is missing, because the undo has already removed the directory
    /// or the transaction never created it.
    fn is_gone_from_above(&mut self, path: &ManagedPath) -> Result<bool, WalkRefusal> {
        for (at, _) in path.match_indices('/').skip(1) {
            if let Some(staged) = self.became.get(&path[..at])
                && self.changes.swapper.stands_at(&path[..at])? != Some(*staged)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Syncs the directories in which names have changed.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn sync(&mut self) -> Result<(), Problem> {
        self.changes.sync()
    }
}

/// Returns the note for a path that cannot be restored because another user may have blocked it. If the old
/// content is in a slot, the old content stays in this slot.
pub(in crate::engine) fn left_to_others(path: &str, problem: &Problem) -> String {
    let Problem { what, location, why, .. } = problem;
    let place = location.iter().filter(|place| **place != *path).map(|place| format!(" ({place})"));
    let why = why.iter().map(|why| format!(": {why}"));
    let words: String = std::iter::once(what.clone()).chain(place).chain(why).collect();
    format!("{path} was not restored: {words}")
}

/// Cleans up after a committed transaction: moves the directory of each `MoveAway` step from its slot into
/// its backup, and deletes the slots of the transaction and the originals that the transaction restored.
/// After an interruption, this function can be called again.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn finish(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let mut changes = PathChanges::new(host);
    for entry in journal.paths() {
        if let PathEntry::MoveAway { slot, backup, .. } = entry {
            changes.carry(&slot.place, backup, None).map_err(|refusal| refusal.problem)?;
        }
    }
    changes.sync()?;
    let mut swapper = changes.swapper;
    for entry in journal.paths() {
        let Some(slot) = entry.slot() else { continue };
        // A slot can be in a directory of another user. If this user prevents the removal of the slot, the
        // slot stays.
        swapper.clear(&slot.place).or_else(WalkRefusal::unless_of_others)?;
        match entry {
            // `clear` does not delete a directory that is not empty. Such a directory is moved from the slot
            // back to its path.
            PathEntry::RemoveDirectory { step, .. } => {
                let places = Places { path: &step.path, slot: &slot.place };
                swapper.put_back(places).or_else(WalkRefusal::unless_of_others)?;
            }
            PathEntry::Restore { original, .. } | PathEntry::MoveBack { original, .. }
                if slots::is_original(original) =>
            {
                forget_original(host, original)?;
            }
            PathEntry::Restore { .. }
            | PathEntry::MoveAway { .. }
            | PathEntry::MoveBack { .. }
            | PathEntry::CreateHome { .. }
            | PathEntry::CreateDirectory { .. }
            | PathEntry::WriteFile { .. }
            | PathEntry::WriteLink { .. }
            | PathEntry::ReplaceFile { .. }
            | PathEntry::ChangeAccess { .. }
            | PathEntry::Own { .. }
            | PathEntry::Remove { .. }
            | PathEntry::Release { .. } => {}
        }
    }
    Ok(())
}

/// Cleans up after an undone transaction: removes the slots and backups of the transaction. The old content
/// of a path cannot be restored if the parent directory of the path has been removed meanwhile. In that case,
/// the old content stays in its slot, and the next run moves it to the backups.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn close(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let mut swapper = Swapper::new(host);
    let never_swapped = journal.phase != JournalPhase::Swapping;
    for entry in journal.paths() {
        if let Some(slot) = entry.slot() {
            let is_home = matches!(entry, PathEntry::CreateHome { .. });
            // The slot of a moved directory is not cleared: the undo has already moved the directory back, or
            // the directory must stay in the slot.
            let is_moved = matches!(entry, PathEntry::MoveAway { .. } | PathEntry::MoveBack { .. });
            let mut clear = || {
                if is_moved {
                    Ok(())
                } else if is_home && never_swapped {
                    swapper.clear_home(&slot.place)
                } else if never_swapped || swapper.slot_holds(&slot.place)? == slot.staged {
                    swapper.clear(&slot.place)
                } else {
                    Ok(())
                }
            };
            clear().or_else(WalkRefusal::unless_of_others)?;
        }
        if let Some(backup) = entry.backup() {
            swapper.clear(backup).map_err(|refusal| refusal.problem)?;
            if slots::is_original(backup) {
                forget_original(host, backup)?;
            }
        }
    }
    Ok(())
}
