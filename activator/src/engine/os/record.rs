//! The record of a host about the updates of its operating system.

use std::collections::BTreeMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nixfleet_contract::SCHEMA;
use nixfleet_contract::os::record::{OfferedUpdate, OsRecord, UpdateRun};
use nixfleet_contract::os::status::PendingUpdates;
use nixfleet_contract::problem::Problem;

use super::offers::Offers;
use crate::host::apt::dpkg::HostPackages;
use crate::host::{HOME, Host, clock};

/// The files whose times tell when apt has fetched its lists: the directory of the lists, which changes with
/// each new list, and the mark of `update-notifier-common`.
const FETCHED: [&str; 2] = ["/var/lib/apt/lists", "/var/lib/apt/periodic/update-success-stamp"];
/// The files that decide which updates are offered.
const DECIDING: [&str; 2] = ["/var/lib/apt/lists", "/var/lib/dpkg/status"];

/// Reads the record. A record that is missing or cannot be read is empty: it is only for reports.
#[must_use]
pub fn read(host: &Host) -> OsRecord {
    let bytes = host.read_record(OsRecord::RECORD).ok().flatten();
    let record = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    record.filter(|record: &OsRecord| record.schema == SCHEMA).unwrap_or_else(empty)
}

fn empty() -> OsRecord {
    OsRecord { schema: SCHEMA, ..OsRecord::default() }
}

/// Writes the record. The caller must hold the lock of the host.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
pub fn write(host: &Host, record: &OsRecord) -> Result<(), Problem> {
    host.create_home()?;
    host.write_record(OsRecord::RECORD, record)
}

/// Returns the record with the updates that are offered now. An update that was offered before keeps the time
/// at which this host has seen it first.
#[must_use]
pub fn with_offers(record: OsRecord, offers: &Offers, packages: &HostPackages, refreshed: u64) -> OsRecord {
    let now = clock::seconds();
    let offered: BTreeMap<_, _> = offers
        .all(packages)
        .into_iter()
        .map(|(name, (version, release))| {
            let known = record.offered.get(&name).filter(|known| known.version == version);
            let since = known.map_or(now, |known| known.since);
            (name, OfferedUpdate { version, release, since })
        })
        .collect();
    let pending = Some(pending(offers, refreshed));
    OsRecord { refreshed: Some(refreshed), pending, offered, ..record }
}

/// Counts the updates that are offered.
#[must_use]
pub fn pending(offers: &Offers, refreshed: u64) -> PendingUpdates {
    let (security, all, held) = (offers.secured.len(), offers.count(), offers.kept.len());
    PendingUpdates { security, all, held, refreshed }
}

/// Adds a run to the record.
#[must_use]
pub fn with_run(mut record: OsRecord, run: UpdateRun) -> OsRecord {
    record.runs.insert(0, run);
    record.runs.truncate(OsRecord::RUNS);
    record
}

/// Returns the time at which the lists of packages were fetched, in seconds since 1970-01-01 UTC; 0 if they
/// never were.
#[must_use]
pub fn refreshed(host: &Host, record: &OsRecord) -> u64 {
    let times = FETCHED.iter().filter_map(|path| seconds(changed(host, path)?));
    times.chain(record.refreshed).max().unwrap_or_default()
}

/// Returns the counts of the record, unless the lists of apt or the packages of the host have changed since
/// it was written.
#[must_use]
pub fn counted(host: &Host, record: &OsRecord) -> Option<PendingUpdates> {
    let written = changed(host, &format!("{HOME}/{}", OsRecord::RECORD))?;
    let is_older = |path: &str| changed(host, path).is_none_or(|time| time <= written);
    record.pending.filter(|_| DECIDING.iter().all(|path| is_older(path)))
}

fn changed(host: &Host, path: &str) -> Option<SystemTime> {
    fs::metadata(host.path(path)).ok()?.modified().ok()
}

fn seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
