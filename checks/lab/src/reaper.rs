//! Removes labs whose supervisor has ended.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::io::Errno;

use crate::cgroup::Cgroup;
use crate::command::wait_until;
use crate::place::{self, Lock};
use crate::rootfs::remove_tree;
use crate::spec::{GuestDir, Spec, disks};

/// A running lab.
#[derive(Clone, Debug)]
pub struct Running {
    /// The name of the lab.
    pub name: String,
    /// The description of the lab.
    pub spec: Spec,
}

/// Waits for the lock that a process holds while it starts or removes a lab. Without this lock, a lab that is
/// about to start could be mistaken for a lab whose supervisor has ended.
///
/// # Errors
/// The lock file cannot be created.
pub fn exclusively() -> Result<Lock> {
    Lock::wait(&place::lab().join("labs.lock"))
}

/// Removes labs whose supervisor has ended, and returns the running labs. The caller must hold the lock from
/// [`exclusively`].
///
/// # Errors
/// A lab cannot be removed completely.
pub fn reap(_alone: &Lock) -> Result<Vec<Running>> {
    let labs = place::lab().join("labs");
    let Ok(entries) = fs::read_dir(&labs) else { return Ok(Vec::new()) };
    let mut running = Vec::new();
    for entry in entries {
        let dir = entry.with_context(|| format!("Failed to list {}", labs.display()))?.path();
        let lock = match Lock::take(&dir.join("lock")) {
            // The supervisor of this lab has removed the directory since it was listed.
            Err(_) if !dir.exists() => continue,
            lock => lock?,
        };
        match (lock, Spec::read(&dir)) {
            (Some(_), Ok(spec)) => clear(&dir, &spec, false)?,
            (Some(_), Err(_)) => remove(&dir)?,
            (None, Ok(spec)) => running.push(Running { name: spec.name.clone(), spec }),
            // Another process is removing this lab.
            (None, Err(_)) => {}
        }
    }
    Ok(running)
}

/// Kills the remaining processes of the lab in `dir` and removes its control group and its files.
/// `from_within` is true if the caller is the supervisor of the lab. The supervisor itself is inside the
/// namespaces and the control group of the lab.
///
/// # Errors
/// A process cannot be killed, or a file cannot be removed.
pub fn clear(dir: &Path, spec: &Spec, from_within: bool) -> Result<()> {
    let cgroup = Cgroup::of_lab(&spec.id)?;
    if from_within {
        Cgroup::root()?.join()?;
    } else {
        cgroup.kill()?;
    }
    cgroup.remove()?;
    if from_within {
        unmount(dir, spec)?;
    }
    remove(dir)
}

/// Removes the files of a lab. The supervisor of the lab may be removing them at the same time.
fn remove(dir: &Path) -> Result<()> {
    let what = format!("{} is removed", dir.display());
    wait_until(&what, Duration::from_secs(10), || Ok(remove_tree(dir).is_ok()))
}

fn unmount(dir: &Path, spec: &Spec) -> Result<()> {
    use rustix::mount::{UnmountFlags, unmount};
    let merged = spec.guests.iter().map(|guest| GuestDir::new(dir, &guest.name).merged());
    for path in merged.chain([disks(dir)]) {
        match unmount(&path, UnmountFlags::DETACH) {
            // The path is not a mount point, or does not exist because its guest was never started.
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
            Err(error) => return Err(error).with_context(|| format!("Failed to unmount {}", path.display())),
        }
    }
    Ok(())
}
