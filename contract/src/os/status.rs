//! The operating system in the status of a host.

use serde::{Deserialize, Serialize};

use super::reboot::RebootReason;
use super::record::UpdateRun;

/// The operating system of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OsStatus {
    /// The name and version of the distribution, such as `Debian GNU/Linux 13 (trixie)`; empty if
    /// `/etc/os-release` does not say it.
    pub name: String,
    /// The release of the running kernel, as `uname -r` prints it.
    pub kernel: String,
    /// The id of the boot, from `/proc/sys/kernel/random/boot_id`. It changes with each boot.
    pub boot_id: String,
    /// How long the host has been up, in seconds.
    pub uptime: u64,
    /// The reasons for which the host has to be rebooted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reboot: Vec<RebootReason>,
    /// Units whose processes still run code that has been replaced, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outdated: Vec<OutdatedUnit>,
    /// The updates that are offered, as far as the lists of the host tell; `None` on a host without apt, or
    /// if apt cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingUpdates>,
    /// The last update of the operating system by `NixFleet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update: Option<UpdateRun>,
}

/// A unit whose processes run code that is no longer on the disk, for example an old version of a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutdatedUnit {
    /// The name of the unit, such as `app.service`. A session of a user or a container may be a scope.
    pub unit: String,
    /// The replaced files, at most [`OutdatedUnit::FILES`], sorted.
    pub files: Vec<String>,
}

impl OutdatedUnit {
    /// Maximum number of files that are named.
    pub const FILES: usize = 3;
}

/// The number of updates that are offered to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingUpdates {
    /// Security updates that an update would install.
    pub security: usize,
    /// All updates that an update would install, security updates included.
    pub all: usize,
    /// Updates that stay out, because they are held or kept back.
    pub held: usize,
    /// The time at which the lists of packages were fetched, in seconds since 1970-01-01 UTC.
    pub refreshed: u64,
}
