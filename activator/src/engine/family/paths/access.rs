//! Changes mode and owner of directories in place, since their content cannot move along. A file is never
//! changed in place: a new file with the same content replaces it.
//!
//! The owner of a parent directory can replace a directory at any time. So the directory is opened, compared
//! with the one that was planned, and changed through that descriptor; if it is another one, nothing is
//! changed.

use nixfleet_contract::manifest::Access;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::ManagedPath;
use rustix::fs::{Mode as Bits, OFlags, Stat};
use serde::{Deserialize, Serialize};

use crate::engine::family::paths::execute::left_to_others;
use crate::engine::family::paths::ownership::ids;
use crate::engine::family::paths::swap::outdated;
use crate::engine::plan::preflight;
use crate::host::accounts::Accounts;
use crate::host::disk;
use crate::host::mounts;
use crate::host::walk::{Walk, WalkRefusal};
use crate::host::{Host, host_file};

/// Identifies a directory, so that a replacement is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    /// The device of its filesystem, `st_dev`; it may change at a reboot.
    pub device: u64,
    /// Its inode number on that device.
    pub number: u64,
}

impl Inode {
    /// The inode of a `stat` result.
    #[must_use]
    pub const fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, number: stat.st_ino }
    }
}

/// Owner, group and mode of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// The directory they belong to; `None` in older journals.
    pub inode: Option<Inode>,
}

impl Rights {
    /// The rights in a `stat` result.
    #[must_use]
    pub const fn of(stat: &Stat) -> Self {
        let (uid, gid, mode) = Self::numbers(stat);
        Self { uid, gid, mode, inode: Some(Inode::of(stat)) }
    }

    /// Whether a `stat` result has these rights.
    #[must_use]
    pub fn are_those_of(self, stat: &Stat) -> bool {
        (self.uid, self.gid, self.mode) == Self::numbers(stat)
    }

    const fn numbers(stat: &Stat) -> (u32, u32, u32) {
        (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777)
    }
}

/// Changes mode and owner of a directory, if it is unchanged since the transaction started.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::PlanOutdated`] if it has changed;
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn change(host: &Host, path: &ManagedPath, before: Rights, after: &Access) -> Result<(), Problem> {
    let (owner, group) = ids(&Accounts::read(host)?, after)?;
    let mut walk = Walk::new(host);
    let directory = walk.parent(path)?.ok_or_else(|| outdated(path))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Some(user) = mounts::mounted_by(directory.fd, path.name()) {
        return Err(host_file("open the directory", &**path, &mounts::foreign(user)));
    }
    let opened = rustix::fs::openat(directory.fd, path.name(), flags, Bits::empty());
    let opened = opened.map_err(|errno| host_file("open the directory", &**path, &errno.into()))?;
    let stat = rustix::fs::fstat(&opened).map_err(|errno| host_file("look at", &**path, &errno.into()))?;
    if !before.are_those_of(&stat) || before.inode.is_some_and(|inode| inode != Inode::of(&stat)) {
        return Err(outdated(path));
    }
    give(&opened, path, &stat, (owner, group, after.mode.bits()))
}

/// Restores mode and owner of a directory. If another directory is there, which another user may have put
/// there, leaves that as it is and returns a note.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn give_back(host: &Host, path: &ManagedPath, before: Rights) -> Result<Option<String>, Problem> {
    let mut walk = Walk::new(host);
    let directory = match walk.way_to(path) {
        Ok(Some(directory)) => directory,
        Ok(None) => return Ok(None),
        Err(WalkRefusal { problem, is_others: true }) => return Ok(Some(left_to_others(path, &problem))),
        Err(WalkRefusal { problem, .. }) => return Err(problem),
    };
    if let Some(user) = mounts::mounted_by(directory.fd, path.name()) {
        let problem = host_file("open the directory", &**path, &mounts::foreign(user));
        return Ok(Some(left_to_others(path, &problem)));
    }
    // An older NixFleet changed files in place, too.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(directory.fd, path.name(), flags, Bits::empty()) {
        Ok(opened) => opened,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => return Ok(None),
        Err(errno) => {
            let problem = preflight::refused("change mode and owner of", path, errno);
            let refusal = WalkRefusal::within(directory, &errno.into(), problem);
            let said = left_to_others(path, &refusal.problem);
            return refusal.unless_of_others().map(|()| Some(said));
        }
    };
    let stat = rustix::fs::fstat(&opened).map_err(|errno| host_file("look at", &**path, &errno.into()))?;
    if before.are_those_of(&stat) {
        return Ok(None);
    }
    // After a reboot the device may have another number, and on stacked filesystems so may the inode. If only
    // root can put something there, it is still the same directory.
    let is_same = before.inode.is_some_and(|inode| inode.number == stat.st_ino);
    if !is_same && !directory.is_roots {
        let what = "somebody has put something else there meanwhile, which keeps its mode and owner";
        return Ok(Some(format!("{path}: {what}")));
    }
    give(&opened, path, &stat, (before.uid, before.gid, before.mode)).map(|()| None)
}

fn give(
    opened: &impl std::os::fd::AsFd,
    path: &str,
    stat: &Stat,
    (uid, gid, mode): (u32, u32, u32),
) -> Result<(), Problem> {
    let failed = |errno| preflight::refused("change mode and owner of", path, errno);
    // In between, nobody gains a right that they have neither before nor after the change.
    disk::change_mode(opened, stat.st_mode & mode & 0o777).map_err(failed)?;
    disk::change_owner(opened, uid, gid).map_err(failed)?;
    disk::change_mode(opened, mode).map_err(failed)?;
    disk::sync(opened).map_err(failed)
}
