//! Sets the owners of staged files and directories.
//!
//! New accounts are created only after all content of the change has been validated, so that a rejected
//! change does not leave accounts on the host. Until the account of its owner exists, a staged file or
//! directory is accessible only to root.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nixfleet_contract::manifest::Access;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::Owner;
use rustix::fs::{Mode as Bits, OFlags};

use super::entry::PathEntry;
use super::home;
use super::late_owners;
use super::swap::name_of;
use crate::engine::family::accounts::execute::NewAccounts;
use crate::engine::transaction::flush;
use crate::engine::transaction::journal::Journal;
use crate::host::accounts::Accounts;
use crate::host::walk::Walk;
use crate::host::{Host, disk, host_file};

/// The permission bits that a staged file or directory may have until its owner exists: only the owner bits.
/// Other users must not have access yet. A set-id bit would let other users run the file with the rights of
/// root, since root owns the file until then.
pub const WAITING: u32 = 0o700;

/// The accounts that can own staged files and directories: existing accounts, and accounts that the
/// transaction creates.
pub struct Ownership {
    accounts: Accounts,
    new_accounts: NewAccounts,
    /// Whether the transaction activates a NixOS system, which creates the accounts that do not exist.
    activates: bool,
}

impl Ownership {
    /// Reads the accounts of the host, and collects the accounts that the transaction creates.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn of(host: &Host, journal: &Journal) -> Result<Self, Problem> {
        let (accounts, new_accounts) = (Accounts::read(host)?, NewAccounts::with(journal.accounts()));
        Ok(Self { accounts, new_accounts, activates: journal.activation().is_some() })
    }

    /// Whether the owner or group will only be created.
    fn is_awaited(&self, access: &Access) -> bool {
        self.new_accounts.has(&access.owner, &access.group)
            || (self.activates && late_owners::is_missing(&self.accounts, access))
    }

    /// Sets the owner and mode of a staged file or directory. If this transaction creates the owner or group,
    /// root stays the owner until the account exists.
    ///
    /// # Errors
    /// [`Code::Account`] if the owner or group does not exist and will not be created, or the problem that
    /// `failed` returns for an I/O error.
    pub fn take(
        &self,
        file: impl AsFd,
        access: &Access,
        failed: impl Fn(io::Error) -> Problem,
    ) -> Result<(), Problem> {
        if self.is_awaited(access) {
            let mode = access.mode.bits() & WAITING;
            return disk::change_mode(file, mode).map_err(|errno| failed(errno.into()));
        }
        let (uid, gid) = ids(&self.accounts, access)?;
        give(file, uid, gid, access.mode.bits()).map_err(failed)
    }
}

impl Ownership {
    /// Sets the owner and mode of a staged home and of everything in it.
    ///
    /// # Errors
    /// Fails with the same errors as [`Ownership::take`].
    pub fn take_home(
        &self,
        home: &OwnedFd,
        access: &Access,
        failed: impl Fn(io::Error) -> Problem,
    ) -> Result<(), Problem> {
        if self.is_awaited(access) {
            return disk::sync(home).map_err(|errno| failed(errno.into()));
        }
        let (uid, gid) = ids(&self.accounts, access)?;
        home::hand_over(home, uid, gid, access.mode.bits()).map_err(failed)
    }
}

/// Returns the uid and gid of an owner and a group, which must exist.
///
/// # Errors
/// [`Code::Account`].
pub fn ids(accounts: &Accounts, access: &Access) -> Result<(u32, u32), Problem> {
    let missing = |what: &str, owner: &Owner| {
        Problem::new(Code::Account, format!("{what} `{owner}` does not exist on the host"))
    };
    let uid = accounts.uid(&access.owner).ok_or_else(|| missing("user", &access.owner))?;
    let gid = accounts.gid(&access.group).ok_or_else(|| missing("group", &access.group))?;
    Ok((uid, gid))
}

/// Sets the owner of a file, and only then its mode, since a change of owner clears the set-id bits.
///
/// # Errors
/// Fails with the error of the system call.
pub fn give(file: impl AsFd, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    disk::change_owner(&file, uid, gid)?;
    Ok(disk::change_mode(&file, mode)?)
}

/// Sets the owner of every file and directory that was staged for a new account, and syncs these files and
/// directories. The caller must have created the new accounts.
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
        let failed = |error: io::Error| host_file("set the owner of", it.slot, &error);
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

/// A staged file or directory whose owner is set after the account of the owner has been created.
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

    /// Opens the staged file or directory. Fails if another user has replaced it, since a file of that user
    /// must not get the planned owner and mode. A check of the inode number is not enough, since the number
    /// can be reused. Therefore, also checks that root owns the file: in slots, only NixFleet creates files
    /// that root owns.
    fn open(&self, walk: &mut Walk<'_>) -> Result<OwnedFd, Problem> {
        let failed = |error: io::Error| host_file("set the owner of", self.slot, &error);
        let replaced = || failed(io::Error::other("another process replaced the file"));
        let directory = walk.parent(self.slot)?.ok_or_else(replaced)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory.fd, name_of(self.slot), flags, Bits::empty())
            .map_err(|errno| failed(errno.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?;
        let is_ours = stat.st_ino == self.inode && stat.st_uid == rustix::process::geteuid().as_raw();
        if is_ours { Ok(file) } else { Err(replaced()) }
    }
}
