//! The record of a host about the updates of its operating system.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::status::PendingUpdates;
use super::update::UpdateScope;
use crate::apt::plan::SourceRelease;
use crate::apt::report::ChangedPackage;
use crate::holder::Holder;
use crate::outcome::Outcome;
use crate::values::{PackageName, PackageVersion};

/// The record `os.json` of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OsRecord {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The time at which the lists of packages were fetched last, in seconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<u64>,
    /// The number of updates that are not installed, as far as this record knows; `None` if it was never
    /// counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingUpdates>,
    /// The updates that are offered and are not installed, by package. Those that are held are among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offered: BTreeMap<PackageName, OfferedUpdate>,
    /// The updates that `NixFleet` made, newest first; at most [`OsRecord::RUNS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<UpdateRun>,
}

impl OsRecord {
    /// The file name of the record on a host.
    pub const RECORD: &str = "os.json";
    /// Maximum number of updates in the record.
    pub const RUNS: usize = 50;
}

/// An update that is offered to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferedUpdate {
    /// The version that is offered.
    pub version: PackageVersion,
    /// The release that offers the version.
    pub release: SourceRelease,
    /// When this host saw the version for the first time, in seconds since 1970-01-01 UTC.
    pub since: u64,
}

/// An update of the operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateRun {
    /// The operator who started the run, the command, and the time of the start.
    pub holder: Holder,
    /// The time at which the run ended, in seconds since 1970-01-01 UTC.
    pub ended: u64,
    /// The scope of the update.
    pub scope: UpdateScope,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The packages that changed.
    pub changed: Vec<ChangedPackage>,
}
