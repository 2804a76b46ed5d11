//! Gives paths to accounts that the activation of a NixOS system creates.
//!
//! NixOS creates accounts in the middle of an activation: after the paths have been changed, and before units
//! start. So the activation script runs this program between these two steps
//! ([`Owners::Given`](crate::host::nixos::Owners::Given)). Until then, root owns the paths, and no other user
//! has access to them.

use std::io;

use nixfleet_contract::manifest::Access;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::ManagedPath;
use rustix::fs::{Mode as Bits, OFlags};
use rustix::io::Errno;

use super::access::{self, Rights};
use super::entry::PathEntry;
use super::ownership::{WAITING, give, ids};
use super::slots::Slot;
use crate::engine::transaction::journal::Journal;
use crate::host::accounts::Accounts;
use crate::host::walk::{Walk, WalkRefusal};
use crate::host::{Host, disk, host_file};

/// Whether the owner or group of a path does not exist.
#[must_use]
pub fn is_missing(accounts: &Accounts, access: &Access) -> bool {
    accounts.uid(&access.owner).is_none() || accounts.gid(&access.group).is_none()
}

/// Whether the transaction activates a NixOS system, and changes a path whose owner or group does not exist
/// yet.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn is_awaited(host: &Host, journal: &Journal) -> Result<bool, Problem> {
    if journal.activation().is_none() {
        return Ok(false);
    }
    let accounts = Accounts::read(host)?;
    Ok(journal.paths().filter_map(wanted).any(|access| is_missing(&accounts, access)))
}

/// Gives the changed paths of a transaction the planned owner, group and mode, as far as they still wait for
/// them. Returns a note for each path that another process has replaced or given to another user: such a path
/// stays as it is. After an interruption, the call can be repeated.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::Account`] if an account still does not exist, or
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn give_owners(host: &Host, journal: &Journal) -> Result<Vec<String>, Problem> {
    let accounts = Accounts::read(host)?;
    let mut walk = Walk::new(host);
    let mut notes = Vec::new();
    // After a directory belongs to another user, this process must not enter it. So change the contents of a
    // directory before the directory.
    let entries: Vec<&PathEntry> = journal.paths().collect();
    for entry in entries.into_iter().rev() {
        let path = entry.path();
        if let PathEntry::ChangeAccess { step, before } = entry {
            let owner = ids(&accounts, &step.after)?;
            notes.extend(access::change_late(host, path, *before, (owner, &step.after))?);
        } else if let (Some(Slot { staged: Some(inode), .. }), Some(access)) = (entry.slot(), entry.access())
        {
            let wanted = (ids(&accounts, access)?, access.mode.bits());
            let given = give_if_waiting(&mut walk, path, *inode, wanted);
            notes.extend(given.or_else(|refusal| {
                refusal.is_others.then(|| Some(left(path, &refusal.problem.what))).ok_or(refusal.problem)
            })?);
        }
    }
    Ok(notes)
}

/// Gives a path its owner, group and mode if it waits for them. A service of the new owner may already have
/// changed the mode: a path with the right owner and group waits only if it still has the mode from before.
fn give_if_waiting(
    walk: &mut Walk<'_>,
    path: &ManagedPath,
    inode: u64,
    ((uid, gid), mode): ((u32, u32), u32),
) -> Result<Option<String>, WalkRefusal> {
    let replaced = || Ok(Some(left(path, "another process replaced it")));
    let Some(directory) = walk.way_to(path)? else { return replaced() };
    let failed = |error: io::Error| {
        WalkRefusal::within(directory, &error, host_file("set the owner of", &**path, &error))
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(directory.fd, path.name(), flags, Bits::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP) => return replaced(),
        // Only a process that root has given the file to, or that runs as root, can have a lease on it.
        Err(Errno::AGAIN) => return Ok(Some(left(path, "another process has a lease on it"))),
        Err(errno) => return Err(failed(errno.into())),
    };
    let stat = rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?;
    let has = Rights::of(&stat);
    if stat.st_ino != inode {
        return replaced();
    }
    let is_given = (has.uid, has.gid) == (uid, gid);
    let waits = has.mode == mode & WAITING;
    if is_given && (has.mode == mode || !waits) {
        return Ok(None);
    }
    if has.uid != rustix::process::geteuid().as_raw() && !is_given {
        return Ok(Some(left(path, "another process gave it to another user")));
    }
    give(&file, uid, gid, mode).map_err(failed)?;
    disk::sync(&file).map_err(|errno| failed(errno.into()))?;
    Ok(None)
}

fn left(path: &ManagedPath, why: &str) -> String {
    format!("{path} did not get its owner and mode: {why}")
}

/// Returns the owner, group and mode that a path must have after the transaction.
fn wanted(entry: &PathEntry) -> Option<&Access> {
    if let PathEntry::ChangeAccess { step, .. } = entry { Some(&step.after) } else { entry.access() }
}
