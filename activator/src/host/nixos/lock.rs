//! The lock that `switch-to-configuration` holds while it runs.

use std::fs::File;
use std::io;

use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{CWD, FlockOperation};

use crate::host::disk::{self, Opening};
use crate::host::{Host, host_file};

/// The path of the lock file.
const SWITCH_LOCK: &str = "/run/nixos/switch-to-configuration.lock";

/// Returns a problem if another program is switching the system of the host.
///
/// # Errors
/// [`Code::Locked`], or [`Code::HostFile`] if the lock file cannot be opened.
pub fn check_lock(host: &Host) -> Result<(), Problem> {
    own_lock(host)?;
    if is_locked(host) {
        return Err(Problem::new(Code::Locked, "another program is switching the NixOS system of the host")
            .at(SWITCH_LOCK)
            .because("nixos-rebuild, another deployment tool or an update is at work")
            .help("wait until the program has ended, then apply again"));
    }
    Ok(())
}

/// Makes the lock file accessible only to root. Otherwise, any user of the host could hold the lock, and so
/// prevent an undo.
fn own_lock(host: &Host) -> Result<(), Problem> {
    // If the host is a directory tree and not a machine, there are no users to keep out.
    if !host.is_machine() {
        return Ok(());
    }
    let own = || {
        let path = host.path(SWITCH_LOCK);
        disk::make_directories(path.parent().unwrap_or(&path), 0o755)?;
        let lock = disk::open(CWD, &path, Opening::Lasting)?;
        disk::change_mode(&lock, 0o600).map_err(io::Error::from)
    };
    own().map_err(|error| host_file("open", SWITCH_LOCK, &error))
}

/// Whether another program holds the lock.
pub(super) fn is_locked(host: &Host) -> bool {
    let Ok(lock) = File::open(host.path(SWITCH_LOCK)) else { return false };
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
}
