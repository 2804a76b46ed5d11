//! Steps that start, stop, restart and reload units.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::values::UnitName;

/// A step that changes the state of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum UnitStep {
    /// Stop a unit that NixFleet no longer manages.
    StopUnit(UnitJob),
    /// Make systemd reload its unit files.
    DaemonReload,
    /// Restart a unit.
    RestartUnit(UnitJob),
    /// Reload a unit.
    ReloadUnit(UnitJob),
    /// Start a unit.
    StartUnit(UnitJob),
}

/// The unit that a step changes, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitJob {
    /// Name of the unit.
    pub unit: UnitName,
    /// The reason for the step, for people.
    pub why: String,
}

impl UnitStep {
    /// Returns the unit that the step changes, if any.
    #[must_use]
    pub const fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::StopUnit(job) | Self::RestartUnit(job) | Self::ReloadUnit(job) | Self::StartUnit(job) => {
                Some(&job.unit)
            }
            Self::DaemonReload => None,
        }
    }

    /// Describes the step in one line, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        let (sign, verb, UnitJob { unit, why }) = match self {
            Self::StopUnit(job) => (Sign::Goes, "stop   ", job),
            Self::RestartUnit(job) => (Sign::Changes, "restart", job),
            Self::ReloadUnit(job) => (Sign::Changes, "reload ", job),
            Self::StartUnit(job) => (Sign::Comes, "start  ", job),
            Self::DaemonReload => return Line::new(Sign::Changes, "reload  systemd's unit files"),
        };
        Line::new(sign, format!("{verb} {unit}  ")).and(Tone::Quiet, why)
    }
}
