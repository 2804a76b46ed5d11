//! What a lab consists of, as its supervisor reads it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A lab: written to `lab.json` in its directory before its supervisor starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Its name, equal to that of its directory.
    pub name: String,
    /// Eight hexadecimal digits, unique on the machine: names its control group and its containers.
    pub id: String,
    /// Its hosts, the operator's machine among them.
    pub guests: Vec<GuestSpec>,
}

/// One host of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuestSpec {
    /// Its host name.
    pub name: String,
    /// Its address in the lab's network, 10.0.1.0/24.
    pub addr: String,
    /// The root filesystem below its own layer.
    pub root: PathBuf,
}

impl Spec {
    /// Reads the description of the lab in `dir`.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("lab.json");
        let text = fs::read(&path).with_context(|| format!("Failed to read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("Failed to understand {}", path.display()))
    }

    /// Writes the description of the lab in `dir`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join("lab.json");
        let text = serde_json::to_vec_pretty(self).context("Failed to describe the lab")?;
        fs::write(&path, text).with_context(|| format!("Failed to write {}", path.display()))
    }
}

/// The files of one guest, below `guests/NAME` of its lab's directory.
#[derive(Clone, Debug)]
pub struct GuestDir {
    path: PathBuf,
}

impl GuestDir {
    /// Of the guest `name` of the lab in `lab`.
    #[must_use]
    pub fn new(lab: &Path, name: &str) -> Self {
        Self { path: lab.join("guests").join(name) }
    }

    /// What the guest changed: the upper layer of its overlay.
    #[must_use]
    pub fn upper(&self) -> PathBuf {
        self.path.join("upper")
    }

    /// The overlay's working directory.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Where the overlay is mounted, in the supervisor's mount namespace.
    #[must_use]
    pub fn merged(&self) -> PathBuf {
        self.path.join("merged")
    }

    /// What systemd writes to the console.
    #[must_use]
    pub fn console(&self) -> PathBuf {
        self.path.join("console.log")
    }

    /// Holds the process id of the running `systemd-nspawn`; missing while the guest is down.
    #[must_use]
    pub fn nspawn(&self) -> PathBuf {
        self.path.join("nspawn.pid")
    }
}
