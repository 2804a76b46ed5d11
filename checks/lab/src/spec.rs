//! The description of a lab, which the supervisor of the lab reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The description of a lab. It is written to `lab.json` in the directory of the lab before the supervisor
/// starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The name of the lab and of the lab's directory.
    pub name: String,
    /// Eight hexadecimal digits that are unique on the machine. They are part of the names of the lab's
    /// control group and containers.
    pub id: String,
    /// The hosts, including the operator's machine.
    pub guests: Vec<GuestSpec>,
}

/// One host of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuestSpec {
    /// The host name.
    pub name: String,
    /// The address in the lab's network, 10.0.1.0/24.
    pub addr: String,
    /// The layers below the layer of the guest. The first is the topmost of them, and the last is a root
    /// filesystem.
    pub below: Vec<PathBuf>,
    /// Whether the host is a stand-in for a NixOS host. Its `/usr/sbin/init` chooses the system to boot.
    pub nixos: bool,
    /// Whether the host is bare: it has the user `admin` instead of `deploy`.
    #[serde(default)]
    pub bare: bool,
    /// Directories of this machine that the guest can read: the directory, and its path on the guest.
    #[serde(default)]
    pub shows: Vec<(PathBuf, PathBuf)>,
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

/// The paths of one guest in the lab's directory: `guests/NAME` has the guest's files, and `disks/NAME` has
/// its disk.
#[derive(Clone, Debug)]
pub struct GuestDir {
    path: PathBuf,
    disk: PathBuf,
}

impl GuestDir {
    /// Returns the directory of the guest `name` in the lab at `lab`.
    #[must_use]
    pub fn new(lab: &Path, name: &str) -> Self {
        Self { path: lab.join("guests").join(name), disk: disks(lab).join(name) }
    }

    /// Returns the directory of the files that are copied to the guest's disk before its first boot.
    #[must_use]
    pub fn seed(&self) -> PathBuf {
        self.path.join("seed")
    }

    /// Returns the upper layer of the guest's overlay, which contains everything that the guest has changed.
    #[must_use]
    pub fn upper(&self) -> PathBuf {
        self.disk.join("upper")
    }

    /// Returns the work directory of the overlay.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.disk.join("work")
    }

    /// Returns the mount point of the overlay.
    #[must_use]
    pub fn merged(&self) -> PathBuf {
        self.disk.join("merged")
    }

    /// Returns the saved copy of the upper layer.
    #[must_use]
    pub fn saved_upper(&self) -> PathBuf {
        self.disk.join("saved")
    }

    /// Returns the file that exists after the upper layer was saved.
    #[must_use]
    pub fn saved(&self) -> PathBuf {
        self.path.join("saved")
    }

    /// Returns the log of the guest's console, to which systemd writes.
    #[must_use]
    pub fn console(&self) -> PathBuf {
        self.path.join("console.log")
    }

    /// Returns the file with the process id of the process that runs `systemd-nspawn`. The file is missing
    /// while the guest is down.
    #[must_use]
    pub fn nspawn(&self) -> PathBuf {
        self.path.join("nspawn.pid")
    }
}

/// Returns the directory of the disks of all guests in the lab at `lab`.
#[must_use]
pub fn disks(lab: &Path) -> PathBuf {
    lab.join("disks")
}
