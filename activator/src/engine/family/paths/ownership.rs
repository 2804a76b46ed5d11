//! Who owns what is staged.
//!
//! Accounts of a change come only once all of its content has been validated, so that a refusal leaves none behind. What
//! will be theirs is staged for root alone, and handed over when they are there.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nixfleet_contract::manifest::Access;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::Owner;
use rustix::fs::{Mode as Bits, OFlags};

use super::entry::PathEntry;
use super::home;
use super::swap::name_of;
use crate::engine::family::accounts::execute::Coming;
use crate::engine::transaction::flush;
use crate::engine::transaction::journal::Journal;
use crate::host::accounts::Accounts;
use crate::host::walk::Walk;
use crate::host::{Host, disk, host_file};

/// The permission bits that something has while it is root's and waits for its owner: what its owner may do. No others
/// may yet, and no set-id bit may make anybody root.
pub const WAITING: u32 = 0o700;

/// Owners of what is staged.
pub struct Owners {
    accounts: Accounts,
    coming: Coming,
}

impl Owners {
    /// Those that a host has, and those that a transaction brings.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn of(host: &Host, journal: &Journal) -> Result<Self, Problem> {
        Ok(Self { accounts: Accounts::read(host)?, coming: Coming::with(journal.accounts()) })
    }

    /// Gives something that is being staged its owner and mode, or leaves it to root until its owner is there.
    ///
    /// # Errors
    /// [`Code::Account`] where there is no such owner and none comes; or as `failed` says.
    pub fn take(
        &self,
        file: impl AsFd,
        access: &Access,
        failed: impl Fn(io::Error) -> Problem,
    ) -> Result<(), Problem> {
        if self.coming.has(&access.owner, &access.group) {
            let mode = access.mode.bits() & WAITING;
            return disk::change_mode(file, mode).map_err(|errno| failed(errno.into()));
        }
        let (uid, gid) = ids(&self.accounts, access)?;
        give(file, uid, gid, access.mode.bits()).map_err(failed)
    }
}

impl Owners {
    /// The same for a home, with all that stands in it.
    ///
    /// # Errors
    /// As [`Owners::take`].
    pub fn take_home(
        &self,
        home: &OwnedFd,
        access: &Access,
        failed: impl Fn(io::Error) -> Problem,
    ) -> Result<(), Problem> {
        if self.coming.has(&access.owner, &access.group) {
            return disk::sync(home).map_err(|errno| failed(errno.into()));
        }
        let (uid, gid) = ids(&self.accounts, access)?;
        home::hand_over(home, uid, gid, access.mode.bits()).map_err(failed)
    }
}

/// The ids of an owner and a group, which exist by now.
///
/// # Errors
/// [`Code::Account`].
pub fn ids(accounts: &Accounts, access: &Access) -> Result<(u32, u32), Problem> {
    let missing = |what: &str, owner: &Owner| {
        Problem::new(Code::Account, format!("{what} `{owner}` does not exist on the host"))
    };
    let uid = accounts.uid(&access.owner).ok_or_else(|| missing("User", &access.owner))?;
    let gid = accounts.gid(&access.group).ok_or_else(|| missing("Group", &access.group))?;
    Ok((uid, gid))
}

/// Gives a file its owner and then its mode: a change of owner clears set-id bits.
///
/// # Errors
/// What the kernel says.
pub fn give(file: impl AsFd, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    disk::change_owner(&file, uid, gid)?;
    Ok(disk::change_mode(&file, mode)?)
}

/// Hands what was staged for accounts that came with the transaction over to them. It is on the disk afterwards.
///
/// # Errors
/// [`Code::Account`] or [`Code::HostFile`].
pub fn hand_over(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let coming = Coming::with(journal.accounts());
    let comes = |it: &Waiting<'_>| coming.has(&it.access.owner, &it.access.group);
    let waiting: Vec<Waiting<'_>> = journal.paths().filter_map(Waiting::of).filter(|it| comes(it)).collect();
    let accounts = Accounts::read(host)?;
    let at_once = waiting.len() > flush::MANY;
    let mut walk = Walk::new(host);
    let mut directories = BTreeSet::new();
    for it in &waiting {
        let failed = |error: io::Error| host_file("hand over the new content", it.slot, &error);
        let (uid, gid) = ids(&accounts, it.access)?;
        let file = it.open(&mut walk)?;
        if it.is_home {
            home::hand_over(&file, uid, gid, it.access.mode.bits()).map_err(failed)?;
            continue;
        }
        give(&file, uid, gid, it.access.mode.bits()).map_err(failed)?;
        if at_once {
            directories.insert(it.slot.rsplit_once('/').map_or("/", |(above, _)| above).to_owned());
        } else {
            disk::sync(&file).map_err(|errno| failed(errno.into()))?;
        }
    }
    flush::flush(host, &directories, at_once)
}

/// Something staged whose owner was not there.
struct Waiting<'j> {
    slot: &'j str,
    inode: u64,
    access: &'j Access,
    is_home: bool,
}

impl<'j> Waiting<'j> {
    fn of(entry: &'j PathEntry) -> Option<Self> {
        let (slot, access) = (entry.slot()?, entry.access()?);
        let is_home = matches!(entry, PathEntry::CreateHome { .. });
        Some(Self { slot: &slot.place, inode: slot.staged?, access, is_home })
    }

    /// Opens it, if it is still what was staged. Who owns the directory of a slot may put something else there, and that
    /// must not get the rights of this; an inode number may be used twice, but only we make what is ours.
    fn open(&self, walk: &mut Walk<'_>) -> Result<OwnedFd, Problem> {
        let failed = |error: io::Error| host_file("hand over the new content", self.slot, &error);
        let replaced = || failed(io::Error::other("somebody else has put something else there"));
        let directory = walk.parent(self.slot)?.ok_or_else(replaced)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory.fd, name_of(self.slot), flags, Bits::empty())
            .map_err(|errno| failed(errno.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?;
        let is_ours = stat.st_ino == self.inode && stat.st_uid == rustix::process::geteuid().as_raw();
        if is_ours { Ok(file) } else { Err(replaced()) }
    }
}
