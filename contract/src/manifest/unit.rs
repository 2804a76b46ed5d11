//! The systemd units of a host.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::values::{ManagedPath, UnitName};

/// A systemd unit of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    /// The managed paths that make up the unit: its file and its drop-ins.
    pub files: Vec<ManagedPath>,
    /// The links that the `[Install]` section defines; empty if the unit is not enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ManagedPath>,
    /// For a template with `DefaultInstance=`, the instance that this setting names. The links in `links`
    /// make systemd start this instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<UnitName>,
    /// Whether the unit is enabled; `None` for a unit of the distribution.
    pub enabled: Option<bool>,
    /// The action for the unit if it is running and its files changed.
    pub on_change: OnChange,
    /// Whether to stop the unit when NixFleet stops managing it.
    pub stop_if_removed: bool,
    /// Time limit for starting the unit, in seconds; systemd's own limit if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<u64>,
    /// How long the unit must stay active to count as started, in seconds; a short default if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<u64>,
    /// Whether to refuse the unit if systemd finds a mistake in it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub verify: bool,
    /// Settings in the text of the unit that limit how systemd can start, stop or reload the unit.
    #[serde(default, skip_serializing_if = "Handling::is_nothing")]
    pub handling: Handling,
}

/// Settings in the text of a unit and its drop-ins that limit how systemd can start, stop or reload the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handling {
    /// The value of `RefuseManualStart=`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_start: Option<bool>,
    /// The value of `RefuseManualStop=`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_stop: Option<bool>,
    /// Whether the unit is of `Type=oneshot`, so that it exits when its work is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneshot: bool,
    /// Whether the unit defines how it is reloaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reloads: bool,
    /// For a socket that starts a single service, the name of the service. systemd starts the socket only
    /// while the service is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activates: Option<UnitName>,
    /// The value of `User=` of a service, if the value is the name of a user that must exist on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The value of `Group=` of a service, if the value is the name of a group that must exist on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Handling {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The state that a unit of the distribution should have. `None` leaves a property of the unit as it is. The
/// property is as it was before when it is no longer declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DistributionUnit {
    /// Whether the links of the unit's `[Install]` section exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether the unit runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Whether the unit is masked. systemd never starts a masked unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<bool>,
}

impl DistributionUnit {
    /// Returns whether the unit runs after an apply; `None` if the apply leaves the unit as it is. A masked
    /// unit does not run.
    #[must_use]
    pub const fn runs(self) -> Option<bool> {
        if matches!(self.masked, Some(true)) { Some(false) } else { self.running }
    }
}

/// The directory for the unit files of the administrator, see systemd.unit(5).
pub const UNITS: &str = "/etc/systemd/system/";

impl Unit {
    /// Returns the time limit for starting the unit, if set.
    #[must_use]
    pub fn start_limit(&self) -> Option<Duration> {
        self.start_timeout.map(Duration::from_secs)
    }

    /// Returns the aliases of the unit: the names of its links directly in [`UNITS`].
    pub fn aliases(&self) -> impl Iterator<Item = UnitName> {
        let names = self.links.iter().filter_map(|link| link.strip_prefix(UNITS));
        names.filter(|name| !name.contains('/')).filter_map(|name| name.parse().ok())
    }

    /// Returns the units whose `.wants/`, `.requires/` or similar directories contain links to this unit.
    /// When one of these units starts, this unit starts too.
    pub fn wanted_by(&self) -> impl Iterator<Item = UnitName> {
        let directories = self.links.iter().filter_map(|link| link.strip_prefix(UNITS)?.split_once('/'));
        directories.filter_map(|(directory, _)| directory.rsplit_once('.')?.0.parse().ok())
    }

    /// Returns how long the unit must stay active to count as started, if set.
    #[must_use]
    pub fn settle(&self) -> Option<Duration> {
        self.settle.map(Duration::from_secs)
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// The action for a running unit whose files changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnChange {
    /// Restart the unit.
    Restart,
    /// Reload the unit.
    Reload,
    /// Leave the unit running unchanged.
    Nothing,
}
