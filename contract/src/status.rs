//! The status of a host.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::generation::{Generation, GenerationInfo};
use crate::health::Checked;
use crate::os::status::OsStatus;
use crate::plan::Drift;
use crate::run::LastRun;
use crate::values::UnitName;

/// The status of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The name of the host in the manifest in force; `None` if the host is not managed yet.
    pub host: Option<String>,
    /// The generation in force.
    pub current: Option<Generation>,
    /// Every generation that still exists, oldest first.
    pub generations: Vec<GenerationInfo>,
    /// Differences between the host and the result of the last apply.
    pub drift: Vec<Drift>,
    /// Managed units and their states.
    pub units: Vec<UnitStatus>,
    /// Backups of hand-edited content that was replaced or removed, as absolute paths on the host.
    #[serde(rename = "kept")]
    pub backups: Vec<String>,
    /// A description of an interrupted run, which the next apply recovers; `None` if no run was interrupted.
    pub interrupted: Option<String>,
    /// A description of the run that holds the lock; `None` if no run holds it.
    pub locked_by: Option<String>,
    /// The remaining task after a change of the NixOS system; `None` if the change is finished, or while a
    /// run is in progress or interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_finish: Option<ToFinish>,
    /// The last finished run and its report, without a note that the host has to be restarted:
    /// [`Status::to_finish`] tells whether this is still true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRun>,
    /// The results of the latest health checks on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Checked>,
    /// The operating system of the host; `None` if the host has an older `NixFleet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsStatus>,
}

/// The task that finishes a change of a NixOS system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToFinish {
    /// The host has to be restarted. The list contains the parts of the system that take effect only then,
    /// such as `kernel`.
    Restart(Vec<String>),
    /// The command has to be repeated: the wanted system runs, but is not the boot default.
    Repeat,
}

impl ToFinish {
    /// The beginning of the text of [`ToFinish::Restart`].
    const RESTART: &str = "restart the host to finish: new ";

    /// Whether a note of a report is the text of [`ToFinish::Restart`].
    #[must_use]
    pub fn is_restart(note: &str) -> bool {
        note.starts_with(Self::RESTART)
    }
}

impl fmt::Display for ToFinish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart(parts) => write!(f, "{}{}", Self::RESTART, parts.join(", ")),
            Self::Repeat => f.write_str(
                "the boot default is another system: repeat the apply or rollback to make the running system \
                 the boot default",
            ),
        }
    }
}

/// The state of a unit, as systemd reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// Name of the unit.
    pub unit: UnitName,
    /// `ActiveState`, such as `active`.
    pub active: String,
    /// `SubState`, such as `running`.
    pub sub: String,
}
