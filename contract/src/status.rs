//! The status of a host.

use serde::{Deserialize, Serialize};

use crate::generation::{Generation, GenerationInfo};
use crate::health::Checked;
use crate::plan::Drift;
use crate::run::LastRun;
use crate::values::UnitName;

/// The status of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name from the manifest in force; `None` if the host is not managed yet.
    pub host: Option<String>,
    /// The generation in force.
    pub current: Option<Generation>,
    /// Every generation that still exists, oldest first.
    pub generations: Vec<GenerationInfo>,
    /// Differences between the host and what the last apply left.
    pub drift: Vec<Drift>,
    /// Managed units and their state.
    pub units: Vec<UnitStatus>,
    /// Backups of hand-edited content that was replaced or removed, as absolute paths.
    #[serde(rename = "kept")]
    pub backups: Vec<String>,
    /// An interrupted run that the next apply will recover.
    pub interrupted: Option<String>,
    /// The run that holds the lock, in words.
    pub locked_by: Option<String>,
    /// The last finished run and its report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRun>,
    /// The results of the last health checks on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Checked>,
}

/// A unit as systemd shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// Unit name.
    pub unit: UnitName,
    /// `ActiveState`, such as `active`.
    pub active: String,
    /// `SubState`, such as `running`.
    pub sub: String,
}
