//! The paths of the lab's files, which are all below `target/lab/` of the checkout.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

/// Returns the checkout from which this program was built.
#[must_use]
pub fn checkout() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Returns cargo's target directory.
#[must_use]
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => checkout().join(dir),
        None => checkout().join("target"),
    }
}

/// Returns the directory of all files of the lab.
#[must_use]
pub fn lab() -> PathBuf {
    target().join("lab")
}

/// Returns the directory of one booted lab.
#[must_use]
pub fn of_lab(name: &str) -> PathBuf {
    lab().join("labs").join(name)
}

/// A file lock. It is released when the value is dropped, or when the process that holds it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock on the file at `path`. The file and its directory are created if they are missing.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn wait(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("Failed to create {}", parent.display()))?;
        }
        let lock = Self { file: open(path)? };
        flock(&lock.file, FlockOperation::LockExclusive)
            .with_context(|| format!("Failed to lock {}", path.display()))?;
        Ok(lock)
    }

    /// Takes the lock on the file at `path`, or returns nothing if another process holds the lock. The file
    /// is created if it is missing, its directory is not.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn take(path: &Path) -> Result<Option<Self>> {
        let lock = Self { file: open(path)? };
        match flock(&lock.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("Failed to lock {}", path.display())),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("Failed to open {}", path.display()))
}
