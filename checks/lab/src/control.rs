//! The pipe over which the supervisor of a lab receives orders.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

/// The control pipe of one lab. Each order is a line: `start NAME`, `cut NAME`,
/// `save NAME`, `restore NAME` or `end`.
#[derive(Clone, Debug)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Returns the control pipe of the lab in `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("control") }
    }

    /// Creates the pipe.
    ///
    /// # Errors
    /// The pipe cannot be created.
    pub fn create(&self) -> Result<()> {
        mknodat(CWD, &self.path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .with_context(|| format!("Failed to make the pipe {}", self.path.display()))
    }

    /// Opens the pipe to read orders. The pipe is opened for writing too. Otherwise the reader would reach
    /// the end of the file whenever a sender closes the pipe.
    ///
    /// # Errors
    /// The pipe is missing.
    pub fn listen(&self) -> Result<File> {
        let pipe = File::options().read(true).write(true).open(&self.path);
        pipe.with_context(|| format!("Failed to open {}", self.path.display()))
    }

    /// Sends an order.
    ///
    /// # Errors
    /// No supervisor reads the pipe.
    pub fn order(&self, order: &str) -> Result<()> {
        // Without this flag, opening the pipe would block until a supervisor reads it.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let pipe = File::options().write(true).custom_flags(flags).open(&self.path);
        let written = pipe.and_then(|mut pipe| pipe.write_all(format!("{order}\n").as_bytes()));
        written.with_context(|| format!("Failed to give the order `{order}` to {}", self.path.display()))
    }
}
