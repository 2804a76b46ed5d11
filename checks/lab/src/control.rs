//! The pipe through which a lab's supervisor takes orders.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

/// The control pipe of one lab. Orders are lines: `start NAME`, `cut NAME`, `end`.
#[derive(Clone, Debug)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Of the lab in `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("control") }
    }

    /// Makes the pipe.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self) -> Result<()> {
        mknodat(CWD, &self.path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .with_context(|| format!("Failed to make the pipe {}", self.path.display()))
    }

    /// Opens it to take orders. It is opened for writing too, so that it never ends.
    ///
    /// # Errors
    /// It is missing.
    pub fn listen(&self) -> Result<File> {
        let pipe = File::options().read(true).write(true).open(&self.path);
        pipe.with_context(|| format!("Failed to open {}", self.path.display()))
    }

    /// Gives an order.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn order(&self, order: &str) -> Result<()> {
        // Without a listener a plain open would wait for one.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let pipe = File::options().write(true).custom_flags(flags).open(&self.path);
        let written = pipe.and_then(|mut pipe| pipe.write_all(format!("{order}\n").as_bytes()));
        written.with_context(|| format!("Failed to give the order `{order}` to {}", self.path.display()))
    }
}
