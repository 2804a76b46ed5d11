//! Finds the backups of a host below [`HOME`].

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nixfleet_contract::SCHEMA;
use nixfleet_contract::backup::{Backup, BackupReason, Backups};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::Mode;
use serde::Deserialize;

use crate::engine::family::paths::slots::{BACKUPS, CONTENT, ORIGINALS};
use crate::engine::state::State;
use crate::engine::transaction::journal;
use crate::host::lock::Lock;
use crate::host::record::read_limited;
use crate::host::{HOME, Host, clock, host_file};

/// The name of the file beside an original. This file records which path the original came from.
pub(in crate::engine) const META: &str = "meta.json";
/// The prefix of the name of a directory with files that an interrupted run left.
const LEFT: &str = "left-";

/// The part of the file [`META`] that is read.
#[derive(Deserialize)]
struct Meta {
    path: String,
}

/// Lists the backups of a host, without changing anything.
///
/// # Errors
/// The state or a directory cannot be read.
pub fn list(host: &Host) -> Result<Backups, Problem> {
    let objection = Lock::objection(host);
    Ok(Backups {
        schema: SCHEMA,
        at: clock::seconds(),
        backups: found(host)?,
        disk: crate::engine::gc::disk_of(host, HOME),
        // While a run holds the lock, the open transaction belongs to that run and is not interrupted.
        interrupted: journal::interrupted(host).filter(|_| objection.is_none()),
        problem: objection,
    })
}

/// Returns all backups, sorted by path. Backups of the same path are sorted by age, oldest first.
pub(in crate::engine) fn found(host: &Host) -> Result<Vec<Backup>, Problem> {
    let (state, _) = State::read(host)?;
    let mut backups = Vec::new();
    copies(host, &mut backups).map_err(|error| host_file("read", format!("{HOME}/{BACKUPS}"), &error))?;
    originals(host, &state, &mut backups)
        .map_err(|error| host_file("read", format!("{HOME}/{ORIGINALS}"), &error))?;
    backups.sort_by(|one, other| {
        (&one.path, one.since, &one.place).cmp(&(&other.path, other.since, &other.place))
    });
    Ok(backups)
}

/// Returns the paths of the entries of a directory; empty if the directory does not exist.
pub(in crate::engine) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Adds the backups of hand edits and leftovers. A directory with backups of hand edits is named after the
/// number of the generation whose change made these backups.
fn copies(host: &Host, backups: &mut Vec<Backup>) -> io::Result<()> {
    for directory in entries(&host.path(HOME).join(BACKUPS))? {
        let name = name_of(&directory);
        let kind = if name.starts_with(LEFT) { BackupReason::Leftover } else { BackupReason::HandEdit };
        let generation = name.split('~').next().and_then(|number| number.parse().ok());
        below(&directory, "", &mut |path, metadata| {
            let place = format!("{HOME}/{BACKUPS}/{name}{path}");
            backups.push(Backup { generation, ..backup(kind, path, place, metadata) });
        })?;
    }
    Ok(())
}

/// Whether this is a directory that only root can change. A directory of another user may have been moved
/// into the backups while a process of that user was working in the directory, and that process can still
/// replace the content. So such a directory counts as one backup, and its content is not listed.
pub(in crate::engine) fn is_ours(metadata: &Metadata) -> bool {
    metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

fn below(directory: &Path, shown: &str, found: &mut impl FnMut(String, &Metadata)) -> io::Result<()> {
    for entry in entries(directory)? {
        let path = format!("{shown}/{}", name_of(&entry));
        let metadata = entry.symlink_metadata()?;
        if is_ours(&metadata) {
            below(&entry, &path, found)?;
        } else {
            found(path, &metadata);
        }
    }
    Ok(())
}

fn originals(host: &Host, state: &State, backups: &mut Vec<Backup>) -> io::Result<()> {
    let owner = |(path, owned): (_, &crate::engine::state::Owned)| {
        owned.origin.backup().map(|backup| (backup.to_string(), format!("{path}")))
    };
    let needed: BTreeMap<String, String> = state.paths.iter().filter_map(owner).collect();
    for directory in entries(&host.path(HOME).join(ORIGINALS))? {
        let name = name_of(&directory);
        let place = format!("{HOME}/{ORIGINALS}/{name}/{CONTENT}");
        let Ok(metadata) = directory.join(CONTENT).symlink_metadata() else { continue };
        let path = needed.get(&place).cloned().or_else(|| said(&directory)).unwrap_or(name);
        let needed = needed.contains_key(&place);
        let mut original = Backup { needed, ..backup(BackupReason::Original, path, place, &metadata) };
        if is_ours(&metadata) {
            let mut add = |_, metadata: &Metadata| {
                original.size += if metadata.is_dir() { 0 } else { metadata.len() };
            };
            below(&directory.join(CONTENT), "", &mut add)?;
        }
        backups.push(original);
    }
    Ok(())
}

/// Returns the path that an original came from, as recorded in [`META`].
fn said(directory: &Path) -> Option<String> {
    let bytes = read_limited(&directory.join(META)).ok()??;
    serde_json::from_slice(&bytes).ok().map(|meta: Meta| meta.path)
}

fn backup(kind: BackupReason, path: String, place: String, metadata: &Metadata) -> Backup {
    Backup {
        kind,
        path,
        place,
        generation: None,
        // Making a backup moves or links the file into the backup directory, which sets its time of change.
        since: u64::try_from(metadata.ctime()).unwrap_or_default(),
        size: if metadata.is_dir() { 0 } else { metadata.len() },
        mode: Mode::from_bits(metadata.mode()),
        link: metadata.is_symlink(),
        directory: metadata.is_dir(),
        needed: false,
    }
}
