//! Drops backups while holding the lock of the host.
//!
//! Backups that nothing refers to are removed first, one by one. Then follow the originals, which would be
//! put back when NixFleet stops managing their paths. The originals are removed from the state before they
//! are removed from the disk. So each original that the state names exists, even if the run is interrupted at
//! any point.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::backup::{Backup, BackupReason, DropReport, DropRequest};
use nixfleet_contract::holder::Holder;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::engine::backups::list::{META, entries, found, is_ours};
use crate::engine::family::paths::slots::{BACKUPS, CONTENT, ORIGINALS, is_original};
use crate::engine::state::{self, Origin, State};
use crate::engine::transaction::recover;
use crate::host::lock::Lock;
use crate::host::{HOME, Host, disk, host_file, mounts};

/// Drops backups, if all of them are still as they were listed. Recovers an interrupted run first.
#[must_use]
pub fn discard(host: &Host, request: &DropRequest, holder: &Holder) -> DropReport {
    let started = Instant::now();
    let mut report = DropReport {
        schema: SCHEMA,
        outcome: Outcome::Blocked,
        dropped: Vec::new(),
        disk: None,
        recovered: None,
        problem: None,
        duration_ms: 0,
    };
    if let Err(problem) = run(host, request, holder, &mut report) {
        report.problem = Some(problem);
    }
    report.disk = crate::engine::gc::disk_of(host, HOME);
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

/// Drops backups, and sets the outcome in the report. The report says `blocked` until another outcome is
/// certain.
fn run(host: &Host, request: &DropRequest, holder: &Holder, report: &mut DropReport) -> Result<(), Problem> {
    let _lock = Lock::take_on_full_disk(host, holder)?;
    match recover::recover(host) {
        Ok(recovered) => report.recovered = recovered,
        Err(problem) => {
            report.outcome = Outcome::Failed;
            return Err(problem);
        }
    }
    let standing = found(host)?;
    if let Some(other) = request.backups.iter().find(|requested| !standing.contains(requested)) {
        return Err(Problem::new(Code::PlanOutdated, "the backup changed after it was listed")
            .at(&other.place)
            .because(
                "the backup was deleted or replaced, or NixFleet needs the backup now but did not need it \
                 then",
            )
            .help("run `nixfleet backups list`, then run the command again"));
    }
    report.outcome = Outcome::Failed;
    let (needed, free): (Vec<&Backup>, Vec<&Backup>) =
        request.backups.iter().partition(|backup| backup.needed);
    for backup in free {
        remove(host, backup)?;
        report.dropped.push(backup.clone());
    }
    if !needed.is_empty() {
        forget(host, &needed)?;
    }
    for backup in needed {
        remove(host, backup)?;
        report.dropped.push(backup.clone());
    }
    tidy(host)?;
    report.outcome = if report.dropped.is_empty() { Outcome::Unchanged } else { Outcome::Ok };
    Ok(())
}

fn remove(host: &Host, backup: &Backup) -> Result<(), Problem> {
    let file = host.path(&backup.place);
    let failed = |error: &io::Error| host_file("remove the backup", &backup.place, error);
    if let Some(mount) = mounts::mounted_below(&file) {
        return Err(Problem::new(
            Code::HostFile,
            "a filesystem is mounted inside the backup, so the backup cannot be dropped",
        )
        .at(mount.display())
        .help("unmount the filesystem on the host, then run the command again"));
    }
    let removed = if backup.directory { disk::remove_tree(&file) } else { unlink(&file) };
    removed.map_err(|error| failed(&error))?;
    match backup.kind {
        BackupReason::Original => {
            let directory = file.parent().unwrap_or(&file);
            // Remove the metadata after the content, so that an original can be identified as long as it
            // exists.
            unlink(&directory.join(META)).map_err(|error| failed(&error))?;
            disk::remove_tree(directory).map_err(|error| failed(&error))
        }
        BackupReason::HandEdit | BackupReason::Leftover | BackupReason::Other => Ok(()),
    }
}

fn unlink(file: &Path) -> io::Result<()> {
    match disk::unlink(CWD, file) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes originals from the state. From then on, the paths of the originals count as created by NixFleet.
/// So these paths are removed when NixFleet stops managing them.
fn forget(host: &Host, originals: &[&Backup]) -> Result<(), Problem> {
    let (mut state, _) = State::read(host)?;
    for owned in state.paths.values_mut() {
        if let Some(backup) = owned.origin.backup()
            && originals.iter().any(|original| original.place == **backup)
        {
            owned.origin = Origin::Created;
        }
    }
    host.write_record(state::RECORD, &state)
}

/// Removes empty backup directories, including those that an interrupted run left.
fn tidy(host: &Host) -> Result<(), Problem> {
    let home = host.path(HOME);
    let copies = || -> io::Result<()> {
        for directory in entries(&home.join(BACKUPS))? {
            prune(&directory)?;
        }
        Ok(())
    };
    copies().map_err(|error| host_file("clean up", format!("{HOME}/{BACKUPS}"), &error))?;
    let referred = State::read(host)?.0;
    let is_needed = |place: &str| {
        let mut origins = referred.paths.values().map(|owned| &owned.origin);
        origins.any(|origin| origin.backup().is_some_and(|backup| **backup == *place))
    };
    let originals = || -> io::Result<()> {
        for directory in entries(&home.join(ORIGINALS))? {
            let name = directory.file_name().unwrap_or_default().to_string_lossy();
            let place = format!("{HOME}/{ORIGINALS}/{name}/{CONTENT}");
            let is_empty = fs::symlink_metadata(directory.join(CONTENT)).is_err();
            if is_empty && is_original(&place) && !is_needed(&place) {
                disk::remove_tree(&directory)?;
            }
        }
        Ok(())
    };
    originals().map_err(|error| host_file("clean up", format!("{HOME}/{ORIGINALS}"), &error))
}

/// Removes a directory and its subdirectories, except those that contain files.
fn prune(directory: &Path) -> io::Result<()> {
    for entry in entries(directory)? {
        if is_ours(&entry.symlink_metadata()?) {
            prune(&entry)?;
        }
    }
    match disk::remove_directory(CWD, directory) {
        Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
