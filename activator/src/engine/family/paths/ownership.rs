//! Gives staged things their owners.
//!
//! The accounts of a change are created only after all its content has been validated, so that a refusal
//! leaves none behind. Things of new accounts are staged for root alone, and handed over once the accounts
//! exist.

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
use crate::engine::family::accounts::execute::NewAccounts;
use crate::engine::transaction::flush;
use crate::engine::transaction::journal::Journal;
use crate::host::accounts::Accounts;
use crate::host::walk::Walk;
use crate::host::{Host, disk, host_file};

/// The permission bits of a thing that is staged as root's and waits for its owner: only the owner's bits.
/// Others get no access yet, and no set-id bit may give anybody root's rights.
pub const WAITING: u32 = 0o700;

/// The ownership of staged things.
pub struct Ownership {
    accounts: Accounts,
    new_accounts: NewAccounts,
}

impl Ownership {
    /// The accounts that the host has, and those that the transaction creates.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn of(host: &Host, journal: &Journal) -> Result<Self, Problem> {
        Ok(Self { accounts: Accounts::read(host)?, new_accounts: NewAccounts::with(journal.accounts()) })
    }

    /// Sets the owner and mode of a staged file or directory. Root owns it until this run has created its
    /// owner.
    ///
    /// # Errors
    /// [`Code::Account`] if the owner does not exist and will not be created; otherwise what `failed` makes.
    pub fn take(
        &self,
        file: impl AsFd,
        access: &Access,
        failed: impl Fn(io::Error) -> Problem,
    ) -> Result<(), Problem> {
        if self.new_accounts.has(&access.owner, &access.group) {
            let mode = access.mode.bits() & WAITING;
            return disk::change_mode(file, mode).map_err(|errno| failed(errno.into()));
        }
        let (uid, gid) = ids(&self.accounts, access)?;
        give(file, uid, gid, access.mode.bits()).map_err(failed)
    }
}

impl Ownership {
    /// Gives a staged home, with everything in it, its owner and mode.
    ///
    /// # Errors
    /// As [`Ownership::take`].
    pub fn take_home(
        &self,
        home: &OwnedFd,
        access: &Access,
        failed: impl Fn(io::Error) -> Problem,
    ) -> Result<(), Problem> {
        if self.new_accounts.has(&access.owner, &access.group) {
            return disk::sync(home).map_err(|errno| failed(errno.into()));
        }
        let (uid, gid) = ids(&self.accounts, access)?;
        home::hand_over(home, uid, gid, access.mode.bits()).map_err(failed)
    }
}

/// The ids of an owner and a group. Both exist by now.
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

/// Gives a file its owner, and then its mode: a change of owner clears set-id bits.
///
/// # Errors
/// The kernel's error.
pub fn give(file: impl AsFd, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    disk::change_owner(&file, uid, gid)?;
    Ok(disk::change_mode(&file, mode)?)
}

/// Hands things staged for new accounts over to them, and syncs them.
///
/// # Errors
/// [`Code::Account`] or [`Code::HostFile`].
pub fn hand_over(host: &Host, journal: &Journal) -> Result<(), Problem> {
    let new_accounts = NewAccounts::with(journal.accounts());
    let comes = |it: &Waiting<'_>| new_accounts.has(&it.access.owner, &it.access.group);
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

/// A staged thing whose owner did not exist yet.
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

    /// Opens it, if it is still the staged thing. The owner of the slot's directory may put something else
    /// there, which must not get these rights; an inode number may be used twice, but only NixFleet creates
    /// things that root owns.
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
