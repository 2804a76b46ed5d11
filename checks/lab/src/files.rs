//! The files of a running guest. They are accessed from outside, through the root directory of the guest's
//! first process.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// The root directory of a guest. Symbolic links in it are resolved as in the guest itself.
#[derive(Debug)]
pub struct Files {
    root: OwnedFd,
}

/// The content and the metadata of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// The permission bits.
    pub mode: u32,
    /// The numeric id of the owner.
    pub uid: u32,
    /// The numeric id of the group.
    pub gid: u32,
}

impl Files {
    /// Opens the root directory `root`.
    ///
    /// # Errors
    /// `root` is not a directory.
    pub fn of(root: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty())
            .with_context(|| format!("Failed to open {}", root.display()))?;
        Ok(Self { root })
    }

    /// Reads the file at `path` with its mode and owner.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    pub fn standing(&self, path: &str) -> Result<Standing> {
        let mut file = self.open(path, OFlags::RDONLY)?;
        let metadata = file.metadata().with_context(|| format!("Failed to look at {path}"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("Failed to read {path}"))?;
        Ok(Standing { bytes, mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() })
    }

    /// Reads the file at `path` as text.
    ///
    /// # Errors
    /// The file is missing, cannot be read or is not UTF-8.
    pub fn text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.standing(path)?.bytes).with_context(|| format!("{path} is not UTF-8"))
    }

    /// Whether anything exists at `path`. A symbolic link there is not followed.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.open(path, OFlags::PATH | OFlags::NOFOLLOW).is_ok()
    }

    /// Writes a file in place, as an editor would. A new file has the mode 0644, and an existing file keeps
    /// its mode.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let mut file = self.open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        file.write_all(bytes.as_ref()).with_context(|| format!("Failed to write {path}"))
    }

    /// Sets the mode and owner of a file.
    ///
    /// # Errors
    /// The file is missing.
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
        // The kernel returns `EAGAIN` for a path with `..` if anything on the machine is renamed at the same
        // time.
        while matches!(file, Err(Errno::AGAIN)) {
            file = open();
        }
        Ok(File::from(file.with_context(|| format!("Failed to open {path}"))?))
    }
}
