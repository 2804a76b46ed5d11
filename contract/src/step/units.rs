//! Steps that start, stop, restart and reload units.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::values::UnitName;

/// A step that changes running units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum UnitStep {
    /// Stop a unit that is no longer managed.
    StopUnit(UnitJob),
    /// Make systemd read its unit files again.
    DaemonReload,
    /// Restart a unit.
    RestartUnit(UnitJob),
    /// Reload a unit.
    ReloadUnit(UnitJob),
    /// Start a unit.
    StartUnit(UnitJob),
}

/// A unit, and why the step concerns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitJob {
    /// Unit name.
    pub unit: UnitName,
    /// The reason, for people.
    pub why: String,
}

impl UnitStep {
    /// The unit of the step, if it has one.
    #[must_use]
    pub const fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::StopUnit(job) | Self::RestartUnit(job) | Self::ReloadUnit(job) | Self::StartUnit(job) => {
                Some(&job.unit)
            }
            Self::DaemonReload => None,
        }
    }

    /// The step in words, for people.
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
