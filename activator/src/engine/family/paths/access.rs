//! Changes the mode and owner of directories in place, since the content of a directory cannot be moved to a
//! new directory. Files are never changed in place: a new file with the same content replaces the old one.
//!
//! The owner of a parent directory can replace a directory at any time. Therefore, the directory is opened
//! and compared with the directory that the plan inspected. Its mode and owner are changed through the same
//! file descriptor. If another directory has replaced it, nothing is changed.

use std::os::fd::OwnedFd;

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

/// Identifies a directory, so that its replacement by another directory is detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    /// The device number of the filesystem, `st_dev`. The number may change at a reboot.
    pub device: u64,
    /// The inode number of the directory on this device, `st_ino`.
    pub number: u64,
}

impl Inode {
    /// Returns the identity of the directory that a `stat` result describes.
    #[must_use]
    pub const fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, number: stat.st_ino }
    }
}

/// The owner, group and mode of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The uid of the owner.
    pub uid: u32,
    /// The gid of the group.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
    /// The identity of the directory, or `None` if an older version of NixFleet wrote the journal.
    pub inode: Option<Inode>,
}

impl Rights {
    /// Returns the owner, group, mode and identity in a `stat` result.
    #[must_use]
    pub const fn of(stat: &Stat) -> Self {
        let (uid, gid, mode) = Self::numbers(stat);
        Self { uid, gid, mode, inode: Some(Inode::of(stat)) }
    }

    /// Whether a `stat` result has the same owner, group and mode.
    #[must_use]
    pub fn are_those_of(self, stat: &Stat) -> bool {
        (self.uid, self.gid, self.mode) == Self::numbers(stat)
    }

    /// Returns these rights without the permissions that `after` does not have.
    const fn closed(self, after: &Access) -> Self {
        Self { mode: self.mode & after.mode.bits() & 0o777, ..self }
    }

    /// Whether a `stat` result is of the same directory, with the same owner, group and mode.
    fn is_unchanged(self, stat: &Stat) -> bool {
        self.are_those_of(stat) && self.inode.is_none_or(|inode| inode == Inode::of(stat))
    }

    const fn numbers(stat: &Stat) -> (u32, u32, u32) {
        (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777)
    }
}

/// Changes the mode and owner of a directory if the directory is unchanged since the start of the
/// transaction.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::PlanOutdated`] if the directory has changed, or
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn change(host: &Host, path: &ManagedPath, before: Rights, after: &Access) -> Result<(), Problem> {
    let (owner, group) = ids(&Accounts::read(host)?, after)?;
    let (opened, stat) = open(host, path)?;
    if !before.is_unchanged(&stat) {
        return Err(outdated(path));
    }
    give(&opened, path, &stat, (owner, group, after.mode.bits()))
}

/// Takes away the permissions of a directory that it will not have after [`change_late`]. The owner stays.
///
/// # Errors
/// Fails in the same cases as [`change`].
pub fn close(host: &Host, path: &ManagedPath, before: Rights, after: &Access) -> Result<(), Problem> {
    let (opened, stat) = open(host, path)?;
    if !before.is_unchanged(&stat) {
        return Err(outdated(path));
    }
    let failed = |errno| preflight::refused("change the mode of", path, errno);
    disk::change_mode(&opened, before.closed(after).mode).map_err(failed)
}

/// Changes the mode and owner of a directory that [`close`] has closed, to the ids of an owner and a group,
/// and the mode in `after`. Returns a note if another process has changed the directory meanwhile. After an
/// interruption, the call can be repeated.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn change_late(
    host: &Host,
    path: &ManagedPath,
    before: Rights,
    ((uid, gid), after): ((u32, u32), &Access),
) -> Result<Option<String>, Problem> {
    let (opened, stat) = open(host, path)?;
    let wanted = Rights { uid, gid, mode: after.mode.bits(), inode: before.inode };
    if wanted.is_unchanged(&stat) {
        return Ok(None);
    }
    // A run that is killed here leaves the new owner with the mode that the old and the new mode share.
    let closed = before.closed(after);
    let given = Rights { uid, gid, ..closed };
    if ![before, closed, given].iter().any(|rights| rights.is_unchanged(&stat)) {
        return Ok(Some(format!("{path}: another process changed it meanwhile, so its mode and owner stay")));
    }
    give(&opened, path, &stat, (uid, gid, after.mode.bits())).map(|()| None)
}

/// Opens a directory.
fn open(host: &Host, path: &ManagedPath) -> Result<(OwnedFd, Stat), Problem> {
    let mut walk = Walk::new(host);
    let directory = walk.parent(path)?.ok_or_else(|| outdated(path))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Some(user) = mounts::mounted_by(directory.fd, path.name()) {
        return Err(host_file("open the directory", &**path, &mounts::foreign(user)));
    }
    let opened = rustix::fs::openat(directory.fd, path.name(), flags, Bits::empty());
    let opened = opened.map_err(|errno| host_file("open the directory", &**path, &errno.into()))?;
    let stat = rustix::fs::fstat(&opened).map_err(|errno| host_file("inspect", &**path, &errno.into()))?;
    Ok((opened, stat))
}

/// Restores the mode and owner of a directory. If another user may have replaced the directory, leaves it
/// unchanged and returns a note.
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
    // `O_DIRECTORY` is not set: older versions of NixFleet also changed files in place, so the path may be a
    // file.
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
    let stat = rustix::fs::fstat(&opened).map_err(|errno| host_file("inspect", &**path, &errno.into()))?;
    if before.are_those_of(&stat) {
        return Ok(None);
    }
    // The device number is not compared, since it may differ after a reboot. On stacked filesystems, the
    // inode number may differ as well. A different inode number is accepted if only root can create names in
    // the parent directory, since then no other user can have replaced the directory.
    let is_same = before.inode.is_some_and(|inode| inode.number == stat.st_ino);
    if !is_same && !directory.is_roots {
        let what = "another process replaced it meanwhile, so its mode and owner stay as they are";
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
    // The first call keeps only the permission bits that the old and the new mode share, so that no user
    // briefly gets more permissions while the owner changes.
    disk::change_mode(opened, stat.st_mode & mode & 0o777).map_err(failed)?;
    disk::change_owner(opened, uid, gid).map_err(failed)?;
    disk::change_mode(opened, mode).map_err(failed)?;
    disk::sync(opened).map_err(failed)
}
