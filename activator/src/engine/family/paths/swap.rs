//! Exchanges a staged file, link or directory atomically with what exists at its destination, and undoes the
//! exchange.
//!
//! After an interruption at any point, each of these functions can be called again, since each function first
//! checks what the slot and the destination contain.

use std::io;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{RenameFlags, Stat};
use rustix::io::Errno;

use crate::engine::family::paths::home;
use crate::engine::family::paths::slots::Replaced;
use crate::engine::observe::names_in;
use crate::engine::plan::preflight;
use crate::host::disk;
use crate::host::mounts;
use crate::host::walk::{self, Directory, Walk, WalkRefusal};
use crate::host::{Host, host_file};

/// Exchanges the contents of destinations and slots. A slot is the location at which the new content of a
/// destination is staged. The swapper uses two walks, so that the parent directories of a destination and of
/// its slot stay open at the same time.
pub struct Swapper<'h> {
    destinations: Walk<'h>,
    slots: Walk<'h>,
}

/// The path of a destination and the path of its slot.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    /// The path of the destination.
    pub path: &'a str,
    /// The path of the slot.
    pub slot: &'a str,
}

impl<'h> Swapper<'h> {
    /// Creates a swapper for this host.
    #[must_use]
    pub const fn new(host: &'h Host) -> Self {
        Self { destinations: Walk::new(host), slots: Walk::new(host) }
    }

    /// Moves the staged content of a slot to its destination. Afterwards, the slot contains what existed at
    /// the destination before.
    ///
    /// # Errors
    /// [`Code::PlanOutdated`] if the destination has changed since the change was planned.
    pub fn bring_in(&mut self, places: Places<'_>, replaced: Option<Replaced>) -> Result<(), Problem> {
        let pair = self.pair(places)?;
        let flags = if replaced.is_some() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        pair.rename_in(flags).map_err(|refusal| refusal.problem)?;
        pair.check(replaced)
    }

    /// Moves what exists at a destination into the slot.
    ///
    /// # Errors
    /// [`Code::PlanOutdated`], as in [`Swapper::bring_in`].
    pub fn take_out(&mut self, places: Places<'_>, replaced: Option<Replaced>) -> Result<(), Problem> {
        let pair = self.pair(places)?;
        let problem = |refusal: WalkRefusal| refusal.problem;
        if pair.at_destination().map_err(problem)?.is_none() {
            return Ok(());
        }
        pair.rename_out().map_err(problem)?;
        pair.check(replaced)
    }

    /// Moves a directory into the slot. Fails if the directory does not exist. If `with_content` is false,
    /// fails if the directory is not empty.
    ///
    /// # Errors
    /// [`Code::PlanOutdated`], as in [`Swapper::bring_in`].
    pub fn move_out(
        &mut self,
        places: Places<'_>,
        replaced: Option<Replaced>,
        with_content: bool,
    ) -> Result<(), Problem> {
        let pair = self.pair(places)?;
        pair.rename_out().map_err(|refusal| refusal.problem)?;
        if with_content { pair.replaced(replaced).map(drop) } else { pair.check(replaced) }
    }

    /// Moves a directory from `from` to `to`. One of the two paths is a slot, the other path is a backup.
    /// Does nothing if nothing exists at `from`, or if `inode` is set and differs from the inode at `from`.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn carry(&mut self, from: &str, to: &str, inode: Option<u64>) -> Result<(), WalkRefusal> {
        let holds = self.slot_holds(from)?;
        if holds.is_none() || inode.is_some_and(|inode| holds != Some(inode)) {
            return Ok(());
        }
        let Some(pair) = self.pair_if_there(Places { path: to, slot: from })? else { return Ok(()) };
        pair.rename_in(RenameFlags::NOREPLACE)
    }

    /// Moves the directory at the destination into the slot if the directory is empty.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn take_out_if_empty(&mut self, places: Places<'_>) -> Result<(), Problem> {
        let pair = self.pair(places)?;
        let problem = |refusal: WalkRefusal| refusal.problem;
        let Some(stat) = pair.at_destination().map_err(problem)? else { return Ok(()) };
        if !is_directory(&stat) || !is_empty(pair.destination, pair.name, places.path)? {
            return Ok(());
        }
        match pair.move_out() {
            // The directory is a mount point, which counts as not empty.
            Err(Errno::BUSY) => Ok(()),
            moved => moved.map_err(|errno| problem(pair.refused(errno))),
        }
    }

    /// Undoes [`Swapper::bring_in`].
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn bring_back(&mut self, places: Places<'_>, staged: u64) -> Result<(), WalkRefusal> {
        // The slot is checked before the destination is opened. If nothing is left to undo, the undo must
        // succeed even if another user has made the path to the destination unsafe.
        if self.slot_holds(places.slot)? == Some(staged) {
            return Ok(());
        }
        let Some(pair) = self.pair_if_there(places)? else { return Ok(()) };
        if !pair.was_brought_in(staged)? {
            return Ok(());
        }
        if pair.in_slot()?.is_some() { pair.rename_in(RenameFlags::EXCHANGE) } else { pair.rename_out() }
    }

    /// Undoes [`Swapper::take_out`].
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn put_back(&mut self, places: Places<'_>) -> Result<(), WalkRefusal> {
        if self.slot_holds(places.slot)?.is_none() {
            return Ok(());
        }
        let Some(pair) = self.pair_if_there(places)? else { return Ok(()) };
        let occupied = pair.at_destination()?.is_some();
        pair.rename_in(if occupied { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE })
    }

    /// Removes a directory that the transaction created where nothing existed, unless the directory is no
    /// longer empty. If the slot is not empty, the step has replaced a file, link or directory. In this case,
    /// does nothing and returns true, and the caller must undo the step with [`Swapper::bring_back`].
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn remove_created(&mut self, places: Places<'_>, staged: u64) -> Result<bool, WalkRefusal> {
        if self.slot_holds(places.slot)?.is_some() {
            return Ok(true);
        }
        let Some(pair) = self.pair_if_there(places)? else { return Ok(false) };
        if pair.was_brought_in(staged)? {
            remove_directory(pair.destination, pair.name).map_err(|error| {
                let problem = host_file("remove", places.path, &error);
                WalkRefusal::within(pair.destination, &pair.cause(error), problem)
            })?;
        }
        Ok(false)
    }

    /// Undoes [`Swapper::bring_in`] for a home: removes the home unless someone has used it.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn take_home(&mut self, host: &Host, places: Places<'_>, staged: u64) -> Result<(), WalkRefusal> {
        let Some(pair) = self.pair_if_there(places)? else { return Ok(()) };
        // A home that cannot be read counts as used, since its owner has probably blocked the access.
        let is_unused =
            |directory, name| home::is_unused(host, directory, name).is_ok_and(|is_unused| is_unused);
        if pair.was_brought_in(staged)? {
            if !is_unused(pair.destination, pair.name) {
                return Ok(());
            }
            pair.rename_out()?;
        }
        if pair.in_slot()?.is_none_or(|stat| stat.st_ino != staged) {
            return Ok(());
        }
        // The home is checked again, since a process may have created a file in it just before the move into
        // the slot.
        if is_unused(pair.slot, pair.slot_name) {
            match disk::remove_tree_in(pair.slot.fd, pair.slot_name) {
                // A process that still uses the home has created a file in it. The home is moved back to its
                // destination below.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                removed => {
                    return removed.map_err(|error| {
                        WalkRefusal::within(pair.slot, &error, host_file("remove", places.slot, &error))
                    });
                }
            }
        }
        match pair.rename_in(RenameFlags::NOREPLACE) {
            // Another file or directory exists at the destination. The home stays in the slot, and the next
            // run moves the home to the backups.
            Err(WalkRefusal { problem, .. }) if problem.code == Code::PlanOutdated => Ok(()),
            moved => moved,
        }
    }

    /// Removes the slot of a home that was never moved to its destination.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn clear_home(&mut self, slot: &str) -> Result<(), WalkRefusal> {
        let Some(directory) = self.slots.way_to(slot)? else { return Ok(()) };
        match disk::remove_tree_in(directory.fd, name_of(slot)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(WalkRefusal::within(directory, &error, host_file("remove", slot, &error)))
            }
            _ => Ok(()),
        }
    }

    /// Deletes the file, link or empty directory in a slot. Does nothing if the slot is empty or contains a
    /// directory with content.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn clear(&mut self, slot: &str) -> Result<(), WalkRefusal> {
        let Some(directory) = self.slots.way_to(slot)? else { return Ok(()) };
        let failed = |error| WalkRefusal::within(directory, &error, host_file("remove", slot, &error));
        let Some(stat) = walk::look(directory.fd, name_of(slot)).map_err(failed)? else { return Ok(()) };
        if is_directory(&stat) {
            return remove_directory(directory, name_of(slot)).map_err(failed);
        }
        match disk::unlink(directory.fd, name_of(slot)) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// Returns the inode at a destination, or `None` if nothing exists there.
    ///
    /// # Errors
    /// [`Code::HostFile`], [`Code::UnsafePath`].
    pub fn stands_at(&mut self, path: &str) -> Result<Option<u64>, WalkRefusal> {
        inode(self.destinations.way_to(path)?, path)
    }

    /// Returns the inode in a slot, or `None` if the slot is empty.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn slot_holds(&mut self, slot: &str) -> Result<Option<u64>, WalkRefusal> {
        inode(self.slots.way_to(slot)?, slot)
    }

    fn pair<'a>(&'a mut self, places: Places<'a>) -> Result<Pair<'a>, Problem> {
        let path = places.path;
        let pair = self.pair_if_there(places).map_err(|refusal| refusal.problem)?;
        pair.ok_or_else(|| outdated(path))
    }

    /// Opens the parent directories of the destination and of the slot. Returns `None` if one of these
    /// directories does not exist.
    fn pair_if_there<'a>(&'a mut self, places: Places<'a>) -> Result<Option<Pair<'a>>, WalkRefusal> {
        let destination = self.destinations.way_to(places.path)?;
        let slot = self.slots.way_to(places.slot)?;
        Ok(destination.zip(slot).map(|(destination, slot)| Pair {
            destination,
            slot,
            places,
            name: name_of(places.path),
            slot_name: name_of(places.slot),
        }))
    }
}

/// A destination and its slot, with both parent directories open.
struct Pair<'a> {
    destination: Directory<'a>,
    slot: Directory<'a>,
    places: Places<'a>,
    name: &'a str,
    slot_name: &'a str,
}

impl Pair<'_> {
    fn at_destination(&self) -> Result<Option<Stat>, WalkRefusal> {
        walk::look(self.destination.fd, self.name).map_err(|error| {
            WalkRefusal::within(self.destination, &error, host_file("inspect", self.places.path, &error))
        })
    }

    fn in_slot(&self) -> Result<Option<Stat>, WalkRefusal> {
        walk::look_in_ours(self.slot.fd, self.slot_name).map_err(|error| {
            WalkRefusal::within(self.slot, &error, host_file("inspect", self.places.slot, &error))
        })
    }

    /// Checks that the slot now contains the file, link or directory that the plan replaces, and that such a
    /// directory is empty. The check is done in the slot because no other user can change the content of a
    /// slot. If the check fails, the undo moves the content of the slot back to the destination.
    fn check(&self, replaced: Option<Replaced>) -> Result<(), Problem> {
        let is_emptied = match self.replaced(replaced)? {
            Some(stat) if is_directory(&stat) => is_empty(self.slot, self.slot_name, self.places.path)?,
            _ => true,
        };
        if is_emptied { Ok(()) } else { Err(outdated(self.places.path)) }
    }

    /// Returns the `stat` result for the content of the slot. Fails if the content is not what the plan
    /// replaces.
    fn replaced(&self, replaced: Option<Replaced>) -> Result<Option<Stat>, Problem> {
        let stat = self.in_slot().map_err(|refusal| refusal.problem)?;
        if stat.as_ref().map(Replaced::of) == replaced { Ok(stat) } else { Err(outdated(self.places.path)) }
    }

    /// Whether the staged content has been moved from the slot to the destination. `staged` is the inode of
    /// the staged content.
    fn was_brought_in(&self, staged: u64) -> Result<bool, WalkRefusal> {
        let is_staged = |stat: Stat| stat.st_ino == staged;
        Ok(!self.in_slot()?.is_some_and(is_staged) && self.at_destination()?.is_some_and(is_staged))
    }

    fn rename_in(&self, flags: RenameFlags) -> Result<(), WalkRefusal> {
        disk::rename(self.slot.fd, self.slot_name, self.destination.fd, self.name, flags)
            .map_err(|errno| self.refused(errno))
    }

    fn rename_out(&self) -> Result<(), WalkRefusal> {
        self.move_out().map_err(|errno| self.refused(errno))
    }

    fn move_out(&self) -> Result<(), Errno> {
        let flags = RenameFlags::NOREPLACE;
        disk::rename(self.destination.fd, self.name, self.slot.fd, self.slot_name, flags)
    }

    fn refused(&self, errno: Errno) -> WalkRefusal {
        let problem = match errno {
            Errno::NOENT | Errno::EXIST => outdated(self.places.path),
            errno => preflight::refused("replace", self.places.path, errno),
        };
        WalkRefusal::within(self.destination, &self.cause(errno.into()), problem)
    }

    /// Returns the cause of a failed rename. The cause may be that a user has mounted a filesystem at the
    /// destination since the destination was inspected.
    fn cause(&self, error: io::Error) -> io::Error {
        mounts::mounted_by(self.destination.fd, self.name).map_or(error, mounts::foreign)
    }
}

/// Returns the inode at a path. `directory` is its open parent directory, or `None` if the parent directory
/// does not exist.
fn inode(directory: Option<Directory<'_>>, path: &str) -> Result<Option<u64>, WalkRefusal> {
    let Some(directory) = directory else { return Ok(None) };
    match walk::look(directory.fd, name_of(path)) {
        Ok(found) => Ok(found.map(|stat| stat.st_ino)),
        Err(error) => Err(WalkRefusal::within(directory, &error, host_file("inspect", path, &error))),
    }
}

const fn is_directory(stat: &Stat) -> bool {
    stat.st_mode & 0o170_000 == 0o040_000
}

fn is_empty(directory: Directory<'_>, name: &str, path: &str) -> Result<bool, Problem> {
    let names = names_in(directory, name);
    Ok(names.map_err(|error| host_file("list the directory", path, &error))?.is_empty())
}

/// Removes a directory. Does nothing if the directory is not empty or does not exist.
fn remove_directory(directory: Directory<'_>, name: &str) -> io::Result<()> {
    match disk::remove_directory(directory.fd, name) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Returns the last component of a path.
pub(in crate::engine) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Returns the problem for a path that another process has changed since the change was planned.
pub(in crate::engine) fn outdated(path: &str) -> Problem {
    Problem::new(Code::PlanOutdated, "the host changed while the apply ran")
        .at(path)
        .because("another process changed or moved the path")
        .help(format!(
            "plan again, then apply the new plan; if the path changes again, skip this path and apply \
             everything else with --force {path}"
        ))
}
