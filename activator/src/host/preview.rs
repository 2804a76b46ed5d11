//! The host as it would be, for this process and what it starts, while for everybody else it stays as it is.
//!
//! In a mount namespace of its own, a copy of each directory concerned is changed in memory and laid over the
//! original. Not an overlay filesystem: that would be refused in many containers, and on roots that are
//! stacked already.

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

/// Where copies are mounted: a directory that every host has, so that none has to be made for a plan, which
/// changes nothing; what programs put there for each other is of no concern to those that look at files.
const MEMORY: &str = "/dev/shm";
/// How much one room may hold; far more than any does, and far less than would matter to the memory of a
/// host.
const ENTRIES: usize = 20_000;
const BYTES: u64 = 32 * 1024 * 1024;

/// The change of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathChange {
    /// A file.
    File {
        /// What holds its content.
        source: PathBuf,
        /// Who may do what with it.
        access: Ids,
    },
    /// A link.
    Link {
        /// What it points at.
        target: String,
    },
    /// A directory.
    Directory {
        /// Who may do what with it.
        access: Ids,
    },
    /// What it is, with another mode or owner.
    Access {
        /// Who may do what with it.
        access: Ids,
    },
    /// What stands somewhere else now, with all its metadata.
    Restored {
        /// Where.
        from: PathBuf,
    },
    /// Nothing.
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
    /// Of what stands at a path.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|found| Self { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777 })
    }
}

/// What becomes of paths.
pub type Changes = BTreeMap<ManagedPath, PathChange>;

/// Lays everything over the host. This process has to be in a mount namespace of its own.
///
/// # Errors
/// What the kernel says; or a directory is too large to be copied.
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
            // Joined with an empty path, it would end in a slash.
            make(&if path.is_empty() { copy.clone() } else { copy.join(path) }, change)?;
        }
        if !copy.exists() {
            // A name cannot be taken away alone; an empty directory says as little.
            disk::make_directory(CWD, &copy, 0o755)?;
        }
        mount_bind(&copy, *room)?;
    }
    for file in FILES {
        let Some((_, change)) = changes.iter().find(|(path, _)| ***path == *file) else { continue };
        let copy = layer.0.join(file.replace('/', "-"));
        copy_file(Path::new(file), &copy)?;
        match change {
            // A name cannot be taken away alone; without content it says as little.
            PathChange::Gone => disk::truncate(&disk::open(CWD, &copy, Opening::Lasting)?)?,
            change => make(&copy, change)?,
        }
        mount_bind(&copy, file)?;
    }
    Ok(layer)
}

/// Where copies are: in memory, and gone with this process.
pub struct Layer(PathBuf);

impl Layer {
    /// Nobody else sees what is mounted here, nor what it hides.
    fn new() -> io::Result<Self> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("nixfleet-preview", MEMORY, "tmpfs", flags, c"mode=1777")?;
        let directory = PathBuf::from(format!("{MEMORY}/nixfleet"));
        disk::make_directory(CWD, &directory, 0o700)?;
        Ok(Self(directory))
    }

    /// A directory for a tool to write to.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn directory(&self, name: &str) -> io::Result<PathBuf> {
        let directory = self.0.join(name);
        disk::make_directories(&directory, 0o755)?;
        Ok(directory)
    }

    /// Copies a file of the host with owner and mode. Says whether there is one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn copy_file(&self, from: &str, to: &Path) -> io::Result<bool> {
        let there = Path::new(from).exists();
        if there {
            copy_file(Path::new(from), to)?;
        }
        Ok(there)
    }

    /// Puts a content to where a tool can look at it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn put(&self, content: &Path, name: &str, access: Ids) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        copy_content(content, &path)?;
        give(&path, access)?;
        Ok(path)
    }

    /// Lays one file over another.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn lay_file(&self, copy: &Path, over: &str) -> io::Result<()> {
        Ok(mount_bind(copy, over)?)
    }
}

fn below<'a>(room: &str, path: &'a ManagedPath) -> Option<&'a str> {
    let rest = path.strip_prefix(room)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// What becomes of a path: the change of it, or of the directory above it that goes or comes back with all
/// that it holds.
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

/// Makes a path of a copy what it becomes.
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

/// What may still be copied.
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
