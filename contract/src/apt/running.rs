//! Running units of packages that change.

use serde::{Deserialize, Serialize};

use crate::values::{PackageName, UnitName};

/// A unit of an installed package that runs while the package changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningUnit {
    /// The unit.
    pub unit: UnitName,
    /// The package that has the unit.
    pub package: PackageName,
    /// The effect of the package change on the unit.
    pub effect: UnitEffect,
}

/// The effect that the change of a package has on its running unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnitEffect {
    /// The scripts of the new version decide whether the unit is restarted. Most packages restart their
    /// units.
    MayRestart,
    /// The package is removed, so the unit stops.
    Stops,
}
