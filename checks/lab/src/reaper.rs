//! What becomes of labs whose supervisor is gone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cgroup::Cgroup;
use crate::command::wait_until;
use crate::place::{self, Lock};
use crate::rootfs::remove_tree;
use crate::spec::Spec;

/// A lab that is up.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its name.
    pub name: String,
    /// Its hosts.
    pub spec: Spec,
}

/// Held by whoever starts labs or clears them away, so that a lab about to start is not taken for a dead one.
///
/// # Errors
/// The lock's file cannot be created.
pub fn exclusively() -> Result<Lock> {
    Lock::wait(&place::lab().join("labs.lock"))
}

/// The labs that are up. Those whose supervisor is gone are cleared away first. Needs the lock of
/// [`exclusively`].
///
/// # Errors
/// Something of a lab that is gone cannot be removed.
pub fn reap(_alone: &Lock) -> Result<Vec<Running>> {
    let labs = place::lab().join("labs");
    let Ok(entries) = fs::read_dir(&labs) else { return Ok(Vec::new()) };
    let mut running = Vec::new();
    for entry in entries {
        let dir = entry.with_context(|| format!("Failed to list {}", labs.display()))?.path();
        let lock = Lock::take(&dir.join("lock"))?;
        match (lock, Spec::read(&dir)) {
            (Some(_), Ok(spec)) => clear(&dir, &spec, false)?,
            (Some(_), Err(_)) => remove_tree(&dir)?,
            (None, Ok(spec)) => running.push(Running { name: spec.name.clone(), spec }),
            // Another process is about to remove it.
            (None, Err(_)) => {}
        }
    }
    Ok(running)
}

/// Kills what is left of the lab in `dir` and removes its control group and its files. Its supervisor calls
/// this too, `from_within` its own namespaces and its own control group.
///
/// # Errors
/// Something cannot be killed or removed.
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
    let what = format!("{} is removed", dir.display());
    wait_until(&what, Duration::from_secs(10), || Ok(remove_tree(dir).is_ok()))
}

fn unmount(dir: &Path, spec: &Spec) -> Result<()> {
    use rustix::mount::{UnmountFlags, unmount};
    for guest in &spec.guests {
        let merged = crate::spec::GuestDir::new(dir, &guest.name).merged();
        match unmount(&merged, UnmountFlags::DETACH) {
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("Failed to unmount {}", merged.display()));
            }
        }
    }
    Ok(())
}
