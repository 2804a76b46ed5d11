//! A preview of the host after a change, visible only to this process and its children.
//!
//! In a separate mount namespace, each affected directory is copied to memory, changed there and mounted over
//! the original. An overlay filesystem is not used, because many containers do not permit one, and because an
//! overlay does not work on a root filesystem that is an overlay itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nixfleet_contract::inspected::{FILES, ROOMS};
use nixfleet_contract::values::ManagedPath;
use rustix::fs::CWD;
use rustix::mount::{MountFlags, mount, mount_bind};
use serde::{Deserialize, Serialize};

use super::disk::{self, Opening, Writer};

/// The directory on which the tmpfs for the copies is mounted. The directory exists on every host, so a plan
/// need not create it. The mount hides the shared memory that programs store there, but tools that check
/// files do not need this memory.
const MEMORY: &str = "/dev/shm";
/// The maximum numbers of entries and bytes in the copy of one directory. The copied directories normally
/// contain far less, and these limits are too low to exhaust the memory of a host.
const ENTRIES: usize = 20_000;
const BYTES: u64 = 32 * 1024 * 1024;

/// The planned state of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathChange {
    /// A regular file.
    File {
        /// The file with the content.
        source: PathBuf,
        /// Owner, group and mode of the file.
        access: Ids,
    },
    /// A symbolic link.
    Link {
        /// The target of the link.
        target: String,
    },
    /// A directory.
    Directory {
        /// Owner, group and mode of the directory.
        access: Ids,
    },
    /// The existing file or directory with a different owner, group or mode.
    Access {
        /// The new owner, group and mode.
        access: Ids,
    },
    /// A copy of another path, such as a backup, with all metadata of that path.
    Restored {
        /// The path to copy.
        from: PathBuf,
    },
    /// The path does not exist.
    Gone,
}

/// Owner, group and permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

impl Ids {
    /// Returns owner, group and permission bits of an existing path.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|found| Self { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777 })
    }
}

/// The planned states of paths.
pub type Changes = BTreeMap<ManagedPath, PathChange>;

/// Mounts the planned state over the host. This process must be in a separate mount namespace.
///
/// # Errors
/// Fails with the kernel's error, or if a directory is too large to be copied.
pub fn lay(changes: &Changes) -> io::Result<Layer> {
    let layer = Layer::new()?;
    for (number, room) in ROOMS.iter().enumerate() {
        let inside: Vec<_> =
            changes.iter().filter_map(|(path, change)| Some((below(room, path)?, change))).collect();
        if inside.is_empty() {
            continue;
        }
        let copy = layer.0.join(number.to_string());
        copy_tree(Path::new(room), &copy, &mut CopyBudget { entries: ENTRIES, bytes: BYTES })?;
        for (path, change) in inside {
            // Joining with an empty path would add a trailing slash.
            make(&if path.is_empty() { copy.clone() } else { copy.join(path) }, change)?;
        }
        if !copy.exists() {
            // A mount cannot remove a directory from view. To the tools, an empty directory has the same
            // effect.
            disk::make_directory(CWD, &copy, 0o755)?;
        }
        mount_bind(&copy, *room)?;
    }
    for file in FILES {
        let Some((_, change)) = changes.iter().find(|(path, _)| ***path == *file) else { continue };
        let copy = layer.0.join(file.replace('/', "-"));
        copy_file(Path::new(file), &copy)?;
        match change {
            // A mount cannot remove a file from view. To the tools, an empty file has the same effect.
            PathChange::Gone => disk::truncate(&disk::open(CWD, &copy, Opening::Lasting)?)?,
            change => make(&copy, change)?,
        }
        mount_bind(&copy, file)?;
    }
    Ok(layer)
}

/// The directory that contains the copies. It is in memory and disappears with this process.
pub struct Layer(PathBuf);

impl Layer {
    /// Mounts a tmpfs, which also hides the existing content of [`MEMORY`]. The mount is visible only in this
    /// mount namespace.
    fn new() -> io::Result<Self> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("nixfleet-preview", MEMORY, "tmpfs", flags, c"mode=1777")?;
        let directory = PathBuf::from(format!("{MEMORY}/nixfleet"));
        disk::make_directory(CWD, &directory, 0o700)?;
        Ok(Self(directory))
    }

    /// Creates a directory that a tool can write to.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn directory(&self, name: &str) -> io::Result<PathBuf> {
        let directory = self.0.join(name);
        disk::make_directories(&directory, 0o755)?;
        Ok(directory)
    }

    /// Copies a file of the host with owner and mode. Returns whether the file exists.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn copy_file(&self, from: &str, to: &Path) -> io::Result<bool> {
        let there = Path::new(from).exists();
        if there {
            copy_file(Path::new(from), to)?;
        }
        Ok(there)
    }

    /// Copies a content to a new file with this owner and mode, for a tool to read. Returns the path of the
    /// new file.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn put(&self, content: &Path, name: &str, access: Ids) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        copy_content(content, &path)?;
        give(&path, access)?;
        Ok(path)
    }

    /// Mounts the file `copy` over the file `over`.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn lay_file(&self, copy: &Path, over: &str) -> io::Result<()> {
        Ok(mount_bind(copy, over)?)
    }
}

fn below<'a>(room: &str, path: &'a ManagedPath) -> Option<&'a str> {
    let rest = path.strip_prefix(room)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Returns the planned state of a path. The state is planned for the path itself, or follows from a parent
/// directory that is removed or restored with its contents.
#[must_use]
pub fn change_at(changes: &Changes, path: &str) -> Option<PathChange> {
    if let Some((_, change)) = changes.iter().find(|(changed, _)| ***changed == *path) {
        return Some(change.clone());
    }
    let moved = changes
        .iter()
        .find_map(|(above, change)| Some((path.strip_prefix(&**above)?.strip_prefix('/')?, change)));
    match moved? {
        (_, PathChange::Gone) => Some(PathChange::Gone),
        (rest, PathChange::Restored { from }) => Some(PathChange::Restored { from: from.join(rest) }),
        (
            _,
            PathChange::File { .. }
            | PathChange::Link { .. }
            | PathChange::Directory { .. }
            | PathChange::Access { .. },
        ) => None,
    }
}

/// Brings a path in a copy to its planned state.
fn make(path: &Path, change: &PathChange) -> io::Result<()> {
    if let PathChange::Access { access } = change {
        return give(path, *access);
    }
    if let (PathChange::Directory { access }, true) = (change, path.is_dir()) {
        return give(path, *access);
    }
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => disk::remove_tree(path)?,
        Ok(_) => disk::unlink(CWD, path)?,
        Err(_) => {}
    }
    if *change != PathChange::Gone
        && let Some(directory) = path.parent()
    {
        disk::make_directories(directory, 0o755)?;
    }
    match change {
        PathChange::File { source, access } => {
            copy_content(source, path)?;
            give(path, *access)
        }
        PathChange::Link { target } => Ok(disk::symlink(Path::new(target), CWD, path)?),
        PathChange::Directory { access } => {
            disk::make_directory(CWD, path, 0o700)?;
            give(path, *access)
        }
        PathChange::Restored { from } => {
            copy_tree(from, path, &mut CopyBudget { entries: ENTRIES, bytes: BYTES })
        }
        PathChange::Access { .. } | PathChange::Gone => Ok(()),
    }
}

fn give(path: &Path, access: Ids) -> io::Result<()> {
    let file = File::open(path)?;
    disk::change_owner(&file, access.uid, access.gid)?;
    Ok(disk::change_mode(&file, access.mode)?)
}

/// The number of entries and bytes that may still be copied.
struct CopyBudget {
    entries: usize,
    bytes: u64,
}

impl CopyBudget {
    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        let left = (self.entries.checked_sub(1), self.bytes.checked_sub(bytes));
        let (Some(entries), Some(bytes)) = left else {
            return Err(io::Error::other("a directory is too large for a preview"));
        };
        (self.entries, self.bytes) = (entries, bytes);
        Ok(())
    }
}

fn copy_tree(from: &Path, to: &Path, budget: &mut CopyBudget) -> io::Result<()> {
    let found = from.symlink_metadata()?;
    budget.spend(if found.is_file() { found.len() } else { 0 })?;
    if found.is_symlink() {
        return Ok(disk::symlink(&fs::read_link(from)?, CWD, to)?);
    }
    if found.is_file() {
        return copy_file(from, to);
    }
    if !found.is_dir() {
        return Ok(());
    }
    disk::make_directory(CWD, to, 0o700)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_tree(&entry.path(), &to.join(entry.file_name()), budget)?;
    }
    give(to, Ids::of(from)?)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    copy_content(from, to)?;
    give(to, Ids::of(from)?)
}

fn copy_content(from: &Path, to: &Path) -> io::Result<()> {
    let copy = disk::open(CWD, to, Opening::New)?;
    io::copy(&mut File::open(from)?.take(BYTES), &mut Writer(&copy)).map(drop)
}
