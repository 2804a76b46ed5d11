//! The end of management: what is removed from a host, and what stays on it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::problem::Problem;

/// How a host leaves the management of NixFleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ForgetMode {
    /// Everything that is declared stays as it is. Only the records of NixFleet are removed.
    Leave,
    /// The records of NixFleet are removed from a host on which nothing is declared.
    Clean,
}

impl ForgetMode {
    /// Returns the mode as it is written in commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Clean => "clean",
        }
    }
}

impl fmt::Display for ForgetMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ForgetMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "leave" => Ok(Self::Leave),
            "clean" => Ok(Self::Clean),
            _ => Err("expected leave or clean".to_owned()),
        }
    }
}

/// A part of a host that stays after the host is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remnant {
    /// The part, such as a path or `user web`.
    pub subject: String,
    /// Why it stays, and what can be done with it.
    pub why: String,
}

/// A preview of the removal of NixFleet's records from a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForgetPlan {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// Whether the host has a recorded state. Without one, an earlier removal was interrupted, or nothing was
    /// ever applied.
    pub is_managed: bool,
    /// The paths that are removed, as far as they exist.
    pub removed: Vec<String>,
    /// The parts of the host that stay.
    pub remnants: Vec<Remnant>,
    /// A description of an interrupted change, which must be recovered first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// The reason why the records cannot be removed now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The report of the removal of NixFleet's records from a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForgetReport {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The paths that were removed.
    pub removed: Vec<String>,
    /// The parts of the host that stay.
    pub remnants: Vec<Remnant>,
    /// The problem that occurred, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// How long the run took on the host, in milliseconds.
    pub duration_ms: u64,
}
