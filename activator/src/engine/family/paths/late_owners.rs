//! Gives paths to accounts that the activation of a NixOS system creates.
//!
//! NixOS creates accounts in the middle of an activation: after the paths have been changed, and before units
//! start. So the activation script runs this program between these two steps
//! ([`Owners::Given`](crate::host::nixos::Owners::Given)). Until then, root owns the paths, and no other user
//! has access to them.

use std::io;
use std::os::fd::OwnedFd;

use nixfleet_contract::manifest::Access;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::ManagedPath;
use rustix::fs::{Mode as Bits, OFlags};
use rustix::io::Errno;

use super::access::{self, Rights};
use super::entry::PathEntry;
use super::ownership::{give, ids};
use super::slots::Slot;
use crate::engine::transaction::journal::Journal;
use crate::host::accounts::Accounts;
use crate::host::walk::Walk;
use crate::host::{Host, disk, host_file};

/// Whether the owner or group of a path does not exist.
#[must_use]
pub fn is_missing(accounts: &Accounts, access: &Access) -> bool {
    accounts.uid(&access.owner).is_none() || accounts.gid(&access.group).is_none()
}

/// Whether the transaction changes a path whose owner or group does not exist yet.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn is_awaited(host: &Host, journal: &Journal) -> Result<bool, Problem> {
    let accounts = Accounts::read(host)?;
    Ok(journal.paths().filter_map(wanted).any(|access| is_missing(&accounts, access)))
}

/// Gives all changed paths of a transaction the planned owner, group and mode, as far as they do not have
/// them yet. A path that another process has replaced, or given to another user, stays as it is. After an
/// interruption, the call can be repeated.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::Account`] if an account still does not exist, or
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn give_owners(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let accounts = Accounts::read(host)?;
    let mut walk = Walk::new(host);
    // A directory of another user must not be entered any more. So what is in a directory comes first.
    let entries: Vec<&PathEntry> = journal.paths().collect();
    for entry in entries.into_iter().rev() {
        if let PathEntry::ChangeAccess { step, before } = entry {
            access::change_if_unchanged(host, &step.path, *before, &step.after)?;
        } else if let (Some(Slot { staged: Some(inode), .. }), Some(access)) = (entry.slot(), entry.access())
        {
            let path = entry.path();
            let failed = |error: io::Error| host_file("set the owner of", &**path, &error);
            let Some(file) = open(&mut walk, path)? else { continue };
            let stat = rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?;
            let (uid, gid) = ids(&accounts, access)?;
            let mode = access.mode.bits();
            let has = Rights::of(&stat);
            let is_ours = stat.st_ino == *inode && has.uid == rustix::process::geteuid().as_raw();
            if is_ours && (has.uid, has.gid, has.mode) != (uid, gid, mode) {
                give(&file, uid, gid, mode).map_err(failed)?;
                disk::sync(&file).map_err(|errno| failed(errno.into()))?;
            }
        }
    }
    Ok(())
}

/// Returns the owner, group and mode that a path must have after the transaction.
fn wanted(entry: &PathEntry) -> Option<&Access> {
    if let PathEntry::ChangeAccess { step, .. } = entry { Some(&step.after) } else { entry.access() }
}

/// Opens what exists at a path. Returns `None` if it is missing or a link.
fn open(walk: &mut Walk<'_>, path: &ManagedPath) -> Result<Option<OwnedFd>, Problem> {
    let Some(directory) = walk.parent(path)? else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(directory.fd, path.name(), flags, Bits::empty()) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::NOENT | Errno::LOOP) => Ok(None),
        Err(errno) => Err(host_file("open", &**path, &errno.into())),
    }
}
