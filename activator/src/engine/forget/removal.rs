//! The paths that are removed when a host is forgotten, and their removal.

use std::fs;
use std::io;
use std::path::Path;

use nixfleet_contract::forget::ForgetMode;
use nixfleet_contract::os::record::OsRecord;
use nixfleet_contract::problem::Problem;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::remnants::LEFT;
use crate::engine::apt::{owned, view};
use crate::engine::family::paths::slots::{BACKUPS, ORIGINALS, SLOTS};
use crate::engine::recovery_unit;
use crate::engine::state::{RECORD, STAGED, State};
use crate::host::profile::{self, DIRECTORY, Profile};
use crate::host::roots;
use crate::host::transcript;
use crate::host::{HOME, Host, activator, clock, disk, host_file};

/// The directory that NixFleet creates for the drop-in of the recovery at boot.
const DROP_INS: &str = "/etc/systemd/system/sysinit.target.d";

/// Returns the paths that [`remove`] and [`remove_activator`] remove, in this order, as far as they exist.
pub(super) fn paths(host: &Host, state: &State, mode: ForgetMode, profile: &Profile) -> Vec<String> {
    let exists = |path: &String| host.path(path).symlink_metadata().is_ok();
    let links = generations(mode, profile).map(profile::link_of);
    let activator = [activator::path()];
    let paths = records().chain(recovery(host, state)).chain(links).chain(activator);
    paths.filter(exists).collect()
}

/// Removes everything except the installed activator and the lock. Returns the removed paths.
pub(super) fn remove(
    host: &Host,
    state: &State,
    mode: ForgetMode,
    profile: &Profile,
) -> Result<Vec<String>, Problem> {
    let mut removed = paths(host, state, mode, profile);
    removed.push(format!("{HOME}/lock"));
    if mode == ForgetMode::Leave {
        set_aside(host)?;
    }
    let failed = |path: &str, error: io::Error| host_file("remove", path, &error);
    let recovery: Vec<String> = recovery(host, state).collect();
    for path in records() {
        remove_path(&host.path(&path)).map_err(|error| failed(&path, error))?;
        if path == format!("{HOME}/{RECORD}") {
            // From here on, the host is not managed.
            disk::sync_directory(&host.path(HOME)).map_err(|error| failed(&path, error))?;
        }
    }
    for path in &recovery {
        remove_path(&host.path(path)).map_err(|error| failed(path, error))?;
    }
    roots::unpin(host)?;
    for number in generations(mode, profile) {
        profile::forget(host, DIRECTORY, number)?;
    }
    if mode == ForgetMode::Clean {
        let current = profile::current_path();
        remove_path(&host.path(&current)).map_err(|error| failed(&current, error))?;
    }
    profile::tidy(host, DIRECTORY)?;
    Ok(removed)
}

/// Removes the lock, the directories of NixFleet that are empty now, and the installed activator.
pub(super) fn remove_activator(host: &Host) -> Result<(), Problem> {
    let lock = format!("{HOME}/lock");
    remove_path(&host.path(&lock)).map_err(|error| host_file("remove", &lock, &error))?;
    // A directory stays if it has backups or the record of a bootstrap.
    for name in [ORIGINALS, BACKUPS, ""] {
        let _ = disk::remove_directory(CWD, host.path(HOME).join(name));
    }
    activator::tidy(host, false)
}

/// Returns the records of NixFleet. The state is the first of them.
fn records() -> impl Iterator<Item = String> {
    let names = [RECORD, STAGED, "last.json", "checks.json", OsRecord::RECORD, SLOTS, owned::RECORD];
    let records = names.into_iter().map(|name| format!("{HOME}/{name}"));
    records.chain([transcript::DIRECTORY, view::DIRECTORY].map(str::to_owned))
}

/// Returns the files of the recovery at boot, and their directory if NixFleet created it and it has nothing
/// else.
fn recovery(host: &Host, state: &State) -> impl Iterator<Item = String> {
    let files = recovery_unit::paths().map(str::to_owned);
    // Without a state, an earlier removal was interrupted.
    let is_ours = state.paths.is_empty() || state.paths.keys().any(|path| &**path == DROP_INS);
    let names = fs::read_dir(host.path(DROP_INS)).into_iter().flatten().flatten();
    let is_alone = names
        .map(|entry| entry.file_name())
        .all(|name| recovery_unit::has(&format!("{DROP_INS}/{}", name.display())));
    files.chain((is_ours && is_alone).then(|| DROP_INS.to_owned()))
}

/// Returns the numbers of the generations that are dropped.
fn generations(mode: ForgetMode, profile: &Profile) -> impl Iterator<Item = u64> {
    let current = profile.current.as_ref().map(|generation| generation.number);
    let numbers = profile.generations.iter().map(|info| info.generation.number);
    numbers.filter(move |number| mode == ForgetMode::Clean || Some(*number) != current)
}

/// Moves the state and the originals aside, so that the originals can be put back by hand. Without originals,
/// does nothing.
fn set_aside(host: &Host) -> Result<(), Problem> {
    let home = host.path(HOME);
    let left = home.join(format!("{LEFT}{}", clock::seconds()));
    let set_aside = || {
        if !has_entries(&home.join(ORIGINALS)) {
            return Ok(());
        }
        disk::make_directories(&left, 0o700)?;
        // The state comes first: without a state, nothing refers to the originals any more.
        for name in [RECORD, ORIGINALS] {
            if home.join(name).exists() {
                disk::rename(CWD, home.join(name), CWD, left.join(name), RenameFlags::NOREPLACE)?;
            }
        }
        disk::sync_directory(&left)?;
        disk::sync_directory(&home)
    };
    set_aside().map_err(|error: io::Error| host_file("write", left.display().to_string(), &error))
}

fn has_entries(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// Removes a file, a link or a directory if it exists.
fn remove_path(path: &Path) -> io::Result<()> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return disk::remove_tree(path);
    }
    match disk::unlink(CWD, path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
