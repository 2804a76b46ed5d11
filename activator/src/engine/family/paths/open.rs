//! Creates the journal entries of path steps.

use std::collections::BTreeSet;
use std::io;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::paths::{ChangeAccess, MoveAway, Remove};
use nixfleet_contract::step::{BackupKind, PathStep, Step};
use nixfleet_contract::values::{AbsPath, ManagedPath};
use rustix::fs::{FileType, Stat};

use super::access::Rights;
use super::entry::PathEntry;
use super::ownership::ids;
use super::slots::{self, BACKUPS, CONTENT, ORIGINALS, Replaced, SLOTS, Slot};
use super::stage::lost;
use super::swap::outdated;
use crate::digest;
use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::state::Origin;
use crate::host::walk::{self, Directory, MountPoint, Walk};
use crate::host::{HOME, Host, host_file};

/// Returns the paths at which the steps create a directory, and the paths at which there may be no directory
/// after the steps.
fn directories(steps: &[Step]) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut new_directories, mut old_directories) = (BTreeSet::new(), BTreeSet::new());
    for step in steps {
        let Step::Path(step) = step else { continue };
        match step {
            PathStep::CreateDirectory(_) | PathStep::CreateHome(_) => {
                new_directories.insert(&**step.path());
            }
            PathStep::RemoveDirectory(_)
            | PathStep::WriteFile(_)
            | PathStep::WriteLink(_)
            | PathStep::Restore(_)
            | PathStep::MoveAway(_)
            | PathStep::MoveBack(_) => {
                old_directories.insert(&**step.path());
            }
            PathStep::ChangeAccess(_) | PathStep::Own(_) | PathStep::Remove(_) | PathStep::Release(_) => {}
        }
    }
    (new_directories, old_directories)
}

/// Collects the information that is needed to undo path steps.
pub struct PathOpener<'a> {
    host: &'a Host,
    planned: &'a PlannedTransaction,
    transaction: u64,
    number: u64,
    /// The filesystem and mount that contain [`HOME`].
    home: MountPoint,
    walk: Walk<'a>,
    new_directories: BTreeSet<&'a str>,
    old_directories: BTreeSet<&'a str>,
}

impl<'a> PathOpener<'a> {
    /// Creates an opener for the steps of a plan. `number` is the number of the target generation.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::UnsafePath`].
    pub fn new(
        host: &'a Host,
        planned: &'a PlannedTransaction,
        transaction: u64,
        number: u64,
    ) -> Result<Self, Problem> {
        let mut walk = Walk::new(host);
        let home = place(HOME, walk.nearest(&format!("{HOME}/{SLOTS}"))?.0)?;
        let (new_directories, old_directories) = directories(&planned.plan.steps);
        Ok(Self { host, planned, transaction, number, home, walk, new_directories, old_directories })
    }

    /// Creates the journal entry of a path step, with everything that the undo of the step needs. `index` is
    /// the position of the step in the plan.
    ///
    /// # Errors
    /// [`Code::PlanOutdated`], [`Code::HostFile`] or [`Code::UnsafePath`].
    pub fn open(&mut self, index: usize, step: &PathStep) -> Result<PathEntry, Problem> {
        Ok(match step {
            PathStep::CreateHome(step) => {
                PathEntry::CreateHome { slot: self.slot(index, &step.path)?, step: step.clone() }
            }
            PathStep::CreateDirectory(step) => {
                let backup = self.backup_place(&step.path, step.backup)?;
                PathEntry::CreateDirectory { slot: self.slot(index, &step.path)?, step: step.clone(), backup }
            }
            PathStep::WriteFile(step) => {
                let backup = self.backup_place(&step.path, step.backup)?;
                PathEntry::WriteFile { slot: self.slot(index, &step.path)?, step: step.clone(), backup }
            }
            PathStep::WriteLink(step) => {
                let backup = self.backup_place(&step.path, step.backup)?;
                PathEntry::WriteLink { slot: self.slot(index, &step.path)?, step: step.clone(), backup }
            }
            PathStep::ChangeAccess(step) => self.access(index, step)?,
            PathStep::Own(step) => {
                // A directory needs no backup, because only its mode and owner are restored when management
                // ends, and the recorded state contains both values.
                let has_backup = step.backup == BackupKind::Original
                    && self.stat(&step.path)?.is_some_and(|stat| !is_directory(&stat));
                let backup = if has_backup { self.backup_place(&step.path, step.backup)? } else { None };
                PathEntry::Own { step: step.clone(), backup }
            }
            PathStep::Remove(step) => {
                let backup = self.backup_place(&step.path, step.backup)?;
                PathEntry::Remove { slot: self.slot(index, &step.path)?, step: step.clone(), backup }
            }
            PathStep::Restore(step) => {
                let backup = self.backup_place(&step.path, step.backup)?;
                let Some(Origin::Original { backup: original }) =
                    self.planned.state.paths.get(&step.path).map(|owned| &owned.origin)
                else {
                    return Err(outdated(&step.path));
                };
                let (slot, original) = (self.slot(index, &step.path)?, original.clone());
                PathEntry::Restore { step: step.clone(), slot, backup, original }
            }
            PathStep::MoveAway(step) => self.move_away(index, step)?,
            PathStep::MoveBack(step) => self.move_back(index, step)?,
            PathStep::RemoveDirectory(step) => {
                PathEntry::RemoveDirectory { slot: self.slot(index, &step.path)?, step: step.clone() }
            }
            PathStep::Release(step) => PathEntry::Release { step: step.clone() },
        })
    }

    /// Creates the journal entry for moving a directory into a backup. Fails if the path is no longer a
    /// directory.
    fn move_away(&mut self, index: usize, step: &MoveAway) -> Result<PathEntry, Problem> {
        let is_directory = self.stat(&step.path)?.is_some_and(|stat| is_directory(&stat));
        let backup = self.backup_place(&step.path, step.backup)?;
        let backup = backup.filter(|_| is_directory).ok_or_else(|| outdated(&step.path))?;
        Ok(PathEntry::MoveAway { slot: self.slot(index, &step.path)?, step: step.clone(), backup })
    }

    /// Creates the journal entry for moving a directory out of its backup. The move does not change the inode
    /// of the directory, so the inode is already known.
    fn move_back(&mut self, index: usize, step: &Remove) -> Result<PathEntry, Problem> {
        let Some(Origin::Moved { backup: original }) =
            self.planned.state.paths.get(&step.path).map(|owned| &owned.origin)
        else {
            return Err(outdated(&step.path));
        };
        let failed = |error: io::Error| host_file("inspect", &**original, &error);
        let directory = self.walk.parent(original)?.ok_or_else(|| lost(original))?;
        let stat = walk::look(directory.fd, CONTENT).map_err(failed)?;
        let staged = stat.filter(is_directory).ok_or_else(|| lost(original))?.st_ino;
        let backup = self.backup_place(&step.path, step.backup)?;
        let slot = Slot { staged: Some(staged), ..self.slot(index, &step.path)? };
        Ok(PathEntry::MoveBack { step: step.clone(), slot, backup, original: original.clone() })
    }

    /// Creates the journal entry for a change of mode or owner. Fails if the owner, group or mode has changed
    /// since the change was planned.
    fn access(&mut self, index: usize, step: &ChangeAccess) -> Result<PathEntry, Problem> {
        let stat = self.stat(&step.path)?.ok_or_else(|| outdated(&step.path))?;
        let (uid, gid) = ids(&self.planned.observed.accounts, &step.before)?;
        let before = Rights::of(&stat);
        if (before.uid, before.gid, before.mode) != (uid, gid, step.before.mode.bits()) {
            return Err(outdated(&step.path));
        }
        let step = step.clone();
        Ok(if is_directory(&stat) {
            PathEntry::ChangeAccess { step, before }
        } else {
            PathEntry::ReplaceFile { slot: self.slot(index, &step.path)?, step }
        })
    }

    /// Returns a new slot on the same filesystem and mount as the destination, as renameat2(2) requires.
    fn slot(&mut self, index: usize, path: &ManagedPath) -> Result<Slot, Problem> {
        let replaced = self.stat(path)?.map(|stat| Replaced::of(&stat));
        let (directory, depth) = self.walk.nearest(self.existing_part(path))?;
        let here = place(path, directory)?;
        let slot = if here == self.home {
            slots::at_home(self.transaction, index)
        } else {
            slots::beside(&self.lasting_directory(path, here, depth)?, self.transaction, index)
        };
        Ok(Slot { place: own_path(slot)?, staged: None, replaced })
    }

    /// Returns the nearest directory above `path` that exists now and still exists after all steps.
    fn lasting_directory(
        &mut self,
        path: &ManagedPath,
        here: MountPoint,
        depth: usize,
    ) -> Result<String, Problem> {
        let mut existing: Vec<ManagedPath> = path.ancestors().take(depth).collect();
        while let Some(directory) = existing.last() {
            let above = self.walk.nearest(directory)?.0;
            if !self.old_directories.contains(&**directory) || place(directory, above)? != here {
                break;
            }
            existing.pop();
        }
        Ok(existing.last().map(ToString::to_string).unwrap_or_default())
    }

    /// Returns a free location for the backup of a path, so that no existing backup is overwritten. Returns
    /// `None` if no backup is needed.
    fn backup_place(&self, path: &ManagedPath, backup: BackupKind) -> Result<Option<AbsPath>, Problem> {
        let (directory, name): (&dyn Fn(&str) -> String, _) = match backup {
            BackupKind::Nothing => return Ok(None),
            BackupKind::Copy => (&|suffix| format!("{HOME}/{BACKUPS}/{}{suffix}{path}", self.number), ""),
            BackupKind::Original => {
                (&|suffix| format!("{HOME}/{ORIGINALS}/{}{suffix}", digest::of(&**path)), CONTENT)
            }
        };
        let suffixes = std::iter::once(String::new()).chain((2..).map(|count| format!("~{count}")));
        // Only `NotFound` means that a location is free. A location below a file gives a different error, and
        // cannot be used.
        let is_free = |candidate: &String| {
            let found = self.host.path(candidate).symlink_metadata();
            found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let free = suffixes.map(|suffix| directory(&suffix)).find(is_free);
        let place = |free| if name.is_empty() { free } else { format!("{free}/{name}") };
        free.map(|free| own_path(place(free))).transpose()
    }

    /// Returns the part of a path at which something can exist already. If the steps create a directory above
    /// the path, this part ends with the new directory, since nothing can exist below the new directory yet.
    fn existing_part<'p>(&self, path: &'p str) -> &'p str {
        let mut above = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
        above.find(|above| self.new_directories.contains(above)).unwrap_or(path)
    }

    fn stat(&mut self, path: &ManagedPath) -> Result<Option<Stat>, Problem> {
        if self.existing_part(path).len() < path.len() {
            return Ok(None);
        }
        let Some(directory) = self.walk.parent(path)? else { return Ok(None) };
        walk::look(directory.fd, path.name()).map_err(|error| host_file("inspect", &**path, &error))
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}

fn place(path: &str, directory: Directory<'_>) -> Result<MountPoint, Problem> {
    directory.place().map_err(|error| host_file("inspect the filesystem of", path, &error))
}

fn own_path(path: String) -> Result<AbsPath, Problem> {
    path.try_into().map_err(|invalid| {
        Problem::new(Code::UnsafePath, "the path of a backup is too long").because(invalid)
    })
}
