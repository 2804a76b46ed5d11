//! The files of a running guest, read and written from outside through its first process's root.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// The root directory of a guest. Links in it are followed as the guest itself would follow them.
#[derive(Debug)]
pub struct Files {
    root: OwnedFd,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// The owner's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

impl Files {
    /// Below `root`.
    ///
    /// # Errors
    /// It is no directory.
    pub fn of(root: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty())
            .with_context(|| format!("Failed to open {}", root.display()))?;
        Ok(Self { root })
    }

    /// The file at `path` with its mode and owner.
    ///
    /// # Errors
    /// It is missing or cannot be read.
    pub fn standing(&self, path: &str) -> Result<Standing> {
        let mut file = self.open(path, OFlags::RDONLY)?;
        let metadata = file.metadata().with_context(|| format!("Failed to look at {path}"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("Failed to read {path}"))?;
        Ok(Standing { bytes, mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() })
    }

    /// The text of the file at `path`.
    ///
    /// # Errors
    /// It is missing or no UTF-8.
    pub fn text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.standing(path)?.bytes).with_context(|| format!("{path} is not UTF-8"))
    }

    /// Whether anything stands at `path`, not following a link there.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.open(path, OFlags::PATH | OFlags::NOFOLLOW).is_ok()
    }

    /// Writes a file in place, as an editor would: created with this mode, kept with its own.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let mut file = self.open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        file.write_all(bytes.as_ref()).with_context(|| format!("Failed to write {path}"))
    }

    /// Sets mode and owner of a file.
    ///
    /// # Errors
    /// It is missing.
    pub fn set_access(&self, path: &str, mode: u32, uid: u32, gid: u32) -> Result<()> {
        let file = self.open(path, OFlags::RDONLY)?;
        std::os::unix::fs::fchown(&file, Some(uid), Some(gid))
            .and_then(|()| file.set_permissions(std::fs::Permissions::from_mode(mode)))
            .with_context(|| format!("Failed to set mode and owner of {path}"))
    }

    fn open(&self, path: &str, flags: OFlags) -> Result<File> {
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
        let open = || openat2(&self.root, path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT);
        let mut file = open();
        // The kernel gives up a path with `..` where anything on the machine is renamed at that moment.
        while matches!(file, Err(Errno::AGAIN)) {
            file = open();
        }
        Ok(File::from(file.with_context(|| format!("Failed to open {path}"))?))
    }
}
