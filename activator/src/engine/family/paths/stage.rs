//! Stages all new content and backs up all old content before any managed path is changed.
//!
//! Problems such as a full disk or a damaged closure are detected in this stage, when nothing has to be
//! undone yet.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::path::Path;

use nixfleet_contract::manifest::{Entry, FileEntry};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::paths::{ChangeAccess, CreateHome, WriteFile};
use nixfleet_contract::values::ManagedPath;
use rustix::fs::{CWD, Mode as Bits, OFlags, RenameFlags};
use sha2::{Digest as _, Sha256};

use super::entry::PathEntry;
use super::ownership::Ownership;
use super::slots::{BACKUPS, ORIGINALS, Replaced, SLOTS};
use super::swap::{name_of, outdated};
use super::{backup, home};
use crate::engine::plan::target::Target;
use crate::engine::transaction::flush;
use crate::engine::transaction::journal::Journal;
use crate::host::disk::{self, Opening, Writer};
use crate::host::walk::{self, Directory, Walk};
use crate::host::{HOME, Host, host_file};

/// Stages everything that a transaction needs. The journal then contains the inodes of the staged content.
///
/// # Errors
/// [`Code::HostFile`] or [`Code::DiskFull`].
pub fn stage(host: &Host, target: &Target, journal: &mut Journal) -> Result<(), Problem> {
    let mut stager = Stager {
        host,
        target,
        ownership: Ownership::of(host, journal)?,
        slots: Walk::new(host),
        sources: Walk::new(host),
        directories: BTreeSet::new(),
        at_once: journal.entries.len() > flush::MANY,
    };
    for entry in &mut journal.entries {
        if let Some(entry) = entry.as_path_mut() {
            stager.entry(entry)?;
        }
    }
    flush::flush(host, &stager.directories, stager.at_once)
}

struct Stager<'a> {
    host: &'a Host,
    target: &'a Target,
    ownership: Ownership,
    slots: Walk<'a>,
    sources: Walk<'a>,
    /// The directories in which names were added.
    directories: BTreeSet<String>,
    /// Whether to sync whole filesystems at the end of staging, instead of syncing each file.
    at_once: bool,
}

impl Stager<'_> {
    fn entry(&mut self, entry: &mut PathEntry) -> Result<(), Problem> {
        self.back_up(entry)?;
        let Some(slot) = entry.slot().map(|slot| slot.place.clone()) else { return Ok(()) };
        self.make_directory(&slot)?;
        let Some(directory) = self.slots.parent(&slot)? else { return Ok(()) };
        let name = name_of(&slot);
        let failed = |error: io::Error| host_file("write the new content to", &*slot, &error);
        match entry {
            PathEntry::WriteFile { step: WriteFile { path, .. }, .. }
            | PathEntry::ReplaceFile { step: ChangeAccess { path, .. }, .. } => {
                let Some(Entry::File(file)) = self.target.manifest.entries.get(path) else { return Ok(()) };
                let staged = disk::open(directory.fd, name, Opening::New).map_err(failed)?;
                disk::drop_lists(&staged).map_err(|errno| failed(errno.into()))?;
                copy(self.target, file, &staged, path)?;
                self.ownership.take(&staged, &file.access, failed)?;
                if !self.at_once {
                    disk::sync(&staged).map_err(|errno| failed(errno.into()))?;
                }
            }
            PathEntry::WriteLink { step, .. } => {
                disk::symlink(Path::new(&*step.target), directory.fd, name)
                    .map_err(|errno| failed(errno.into()))?;
            }
            PathEntry::CreateDirectory { step, .. } => {
                let staged = create_directory(directory, name).map_err(failed)?;
                self.ownership.take(&staged, &step.access, failed)?;
                disk::sync(&staged).map_err(|errno| failed(errno.into()))?;
            }
            PathEntry::CreateHome { step: CreateHome { path, access }, .. } => {
                let staged = create_directory(directory, name).map_err(failed)?;
                let entries = &self.target.manifest.entries;
                let is_managed = |inside: &str| {
                    let inner = format!("{inside}/");
                    let from = (Bound::Included(inner.as_str()), Bound::Unbounded);
                    let first = entries.range::<str, _>(from).next();
                    entries.contains_key(inside) || first.is_some_and(|(path, _)| path.starts_with(&inner))
                };
                home::fill(self.host, path, &staged, &is_managed).map_err(failed)?;
                self.ownership.take_home(&staged, access, failed)?;
            }
            PathEntry::Restore { original, .. } => {
                let from = self.sources.parent(original)?.ok_or_else(|| lost(original))?;
                backup::link_or_copy(from, name_of(original), directory, name).map_err(failed)?;
            }
            // These steps stage nothing.
            PathEntry::Remove { .. }
            | PathEntry::MoveAway { .. }
            | PathEntry::MoveBack { .. }
            | PathEntry::RemoveDirectory { .. }
            | PathEntry::ChangeAccess { .. }
            | PathEntry::Own { .. }
            | PathEntry::Release { .. } => return Ok(()),
        }
        let staged = walk::look(directory.fd, name).map_err(failed)?.map(|stat| stat.st_ino);
        if let Some(slot) = entry.slot_mut() {
            slot.staged = staged;
        }
        Ok(())
    }

    /// Backs up the old content, if the entry has a backup.
    fn back_up(&mut self, entry: &PathEntry) -> Result<(), Problem> {
        let Some(backup) = entry.backup() else { return Ok(()) };
        let path = entry.path();
        let failed = |error| host_file("back up", &**path, &error);
        self.make_directory(backup)?;
        let Some(from) = self.sources.parent(path)? else { return Ok(()) };
        let Some(to) = self.slots.parent(backup)? else { return Ok(()) };
        let copy_or_link =
            if matches!(entry, PathEntry::Own { .. }) { backup::copy } else { backup::link_or_copy };
        // A directory that is moved away is not copied. It is moved to the location of its backup after the
        // commit.
        let is_moved = matches!(entry, PathEntry::MoveAway { .. });
        if !is_moved {
            copy_or_link(from, path.name(), to, name_of(backup)).map_err(failed)?;
        }
        // Fails if another process has replaced the file since planning. The backup would then contain a
        // different file than the plan replaces.
        if let Some(slot) = entry.slot().filter(|_| !is_moved)
            && walk::look(to.fd, name_of(backup)).map_err(failed)?.as_ref().map(Replaced::of) != slot.replaced
        {
            return Err(outdated(path));
        }
        if backup.starts_with(&format!("{HOME}/{ORIGINALS}/")) {
            let meta = backup::describe(self.host, backup, path).map_err(failed)?;
            if !self.at_once {
                disk::sync(&meta).map_err(|errno| failed(errno.into()))?;
            }
        }
        Ok(())
    }

    /// Creates the directory in which a slot or backup will be, if this directory is under [`HOME`]. Only
    /// root can access a directory that this function creates.
    fn make_directory(&mut self, path: &str) -> Result<(), Problem> {
        let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
        if !self.directories.insert(directory.to_owned()) || !directory.starts_with(HOME) {
            return Ok(());
        }
        disk::make_directories(&self.host.path(directory), 0o700)
            .map_err(|error| host_file("create the directory", directory, &error))?;
        // The parents of new directories must be synced too.
        for above in directory.match_indices('/').map(|(at, _)| &directory[..at]) {
            if above.starts_with(HOME) {
                self.directories.insert(above.to_owned());
            }
        }
        Ok(())
    }
}

fn create_directory(directory: Directory<'_>, name: &str) -> io::Result<OwnedFd> {
    disk::make_directory(directory.fd, name, 0o700)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let created = rustix::fs::openat(directory.fd, name, flags, Bits::empty())?;
    disk::drop_lists(&created)?;
    Ok(created)
}

/// Copies the content of a file from the closure, and checks its SHA-256 against the manifest.
fn copy(target: &Target, file: &FileEntry, to: &File, path: &ManagedPath) -> Result<(), Problem> {
    let source = target.source(&file.source);
    let mut from = target.content(path, file).map_err(|error| host_file("read", &source, &error))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&chunk[..count]);
                Writer(to)
                    .write_all(&chunk[..count])
                    .map_err(|error| host_file("write the new content of", &**path, &error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(host_file("read", &source, &error)),
        }
    }
    let digest = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    if digest == file.sha256 {
        return Ok(());
    }
    Err(Problem::new(
        Code::HostFile,
        "a file in the host's closure does not match its checksum in the manifest",
    )
    .at(source.display())
    .because(format!("the SHA-256 of the file is {digest}"))
    .help(
        "repair the store of the host with `nix-store --verify --check-contents --repair`, then \
             apply again",
    ))
}

/// Returns the problem for an original that someone has removed.
pub(in crate::engine) fn lost(original: &str) -> Problem {
    Problem::new(Code::HostFile, "the original cannot be restored, because its backup does not exist")
        .at(original)
        .help(
            "put another copy of the original where the backup was, or keep the original path in the \
             configuration",
        )
}

/// Moves leftover slots to the backups. A leftover slot contains, for example, a directory that could not be
/// removed because someone had put files into it. There must be no open transaction.
///
/// # Errors
/// [`Code::HostFile`].
pub fn back_up_stale_slots(host: &Host) -> Result<(), Problem> {
    let home = host.path(HOME);
    let (slots, backups) = (home.join(SLOTS), home.join(BACKUPS));
    let back_up = || -> io::Result<()> {
        for stale in fs::read_dir(&slots)? {
            let stale = stale?;
            // An empty directory is removed and not moved.
            if disk::remove_directory(CWD, stale.path()).is_ok() {
                continue;
            }
            disk::make_directories(&backups, 0o700)?;
            let name =
                |count: u32| backups.join(format!("left-{}~{count}", stale.file_name().to_string_lossy()));
            let mut names = (1..u32::MAX).map(name);
            let free = names.find(|name| name.symlink_metadata().is_err());
            if let Some(free) = free {
                disk::rename(CWD, stale.path(), CWD, free, RenameFlags::empty())?;
            }
        }
        Ok(())
    };
    match back_up() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(host_file("clear", format!("{HOME}/{SLOTS}"), &error))
        }
        _ => Ok(()),
    }
}
