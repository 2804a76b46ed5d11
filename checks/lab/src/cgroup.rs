//! Control groups, one for each boot of a guest. If two guests shared a control group, they would share the
//! control groups of their units too, and logins and shutdowns would hang.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::wait_until;

/// A control group of the lab in the unified hierarchy.
#[derive(Clone, Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Returns the root of the unified hierarchy, which is version 2 of control groups.
    ///
    /// # Errors
    /// The machine has no unified hierarchy mounted.
    pub fn root() -> Result<Self> {
        Ok(Self { path: unified()? })
    }

    /// Returns the control group of the lab with this id. The control group may not exist yet.
    ///
    /// # Errors
    /// The machine has no unified hierarchy mounted.
    pub fn of_lab(id: &str) -> Result<Self> {
        Ok(Self { path: unified()?.join(format!("nixfleet-lab-{id}")) })
    }

    /// Returns a child of this group.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self { path: self.path.join(name) }
    }

    /// Creates the group, and enables the available controllers for it in its parent. The settings of the
    /// root group, which belong to the machine, are not changed.
    ///
    /// # Errors
    /// The group cannot be created.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.path)
            .with_context(|| format!("Failed to create the control group {}", self.path.display()))?;
        if let Some(parent) = self.path.parent().filter(|parent| parent.join("cgroup.type").exists()) {
            // The settings of the root group must not change. Only the root group has no file `cgroup.type`,
            // so the parent is another group.
            for controller in ["cpu", "memory", "pids", "io"] {
                // If version 1 of control groups is mounted too, the unified hierarchy lacks some
                // controllers. The guests work without these controllers, so errors are ignored.
                fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}")).ok();
            }
        }
        Ok(())
    }

    /// Moves this process into the group.
    ///
    /// # Errors
    /// The kernel rejects the request.
    pub fn join(&self) -> Result<()> {
        fs::write(self.entrance(), process::id().to_string())
            .with_context(|| format!("Failed to enter the control group {}", self.path.display()))
    }

    /// Returns the file to which ids of processes are written to move them into the group.
    #[must_use]
    pub fn entrance(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Whether the group exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Returns the ids of the processes in the group. Processes in the children of the group are not
    /// included.
    ///
    /// # Errors
    /// The group does not exist.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let path = self.entrance();
        let ids = fs::read_to_string(&path).with_context(|| format!("Failed to read {}", path.display()))?;
        ids.lines().map(|id| id.parse().context("The kernel lists something that is no process id")).collect()
    }

    /// Pauses all processes in the group and its children, or lets them run again.
    ///
    /// # Errors
    /// The kernel rejects the request, or the processes do not pause.
    pub fn pause(&self, pause: bool) -> Result<()> {
        let path = self.path.join("cgroup.freeze");
        fs::write(&path, if pause { "1" } else { "0" })
            .with_context(|| format!("Failed to write {}", path.display()))?;
        let wanted = if pause { "frozen 1" } else { "frozen 0" };
        let path = self.path.join("cgroup.events");
        let what = format!("{} says `{wanted}`", path.display());
        wait_until(&what, Duration::from_secs(10), || {
            let events =
                fs::read_to_string(&path).with_context(|| format!("Failed to read {}", path.display()))?;
            Ok(events.lines().any(|line| line == wanted))
        })
    }

    /// Kills all processes in the group and its children at once.
    ///
    /// # Errors
    /// The kernel rejects the request.
    pub fn kill(&self) -> Result<()> {
        match fs::write(self.path.join("cgroup.kill"), "1") {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error)
                .with_context(|| format!("Failed to kill the control group {}", self.path.display())),
            _ => Ok(()),
        }
    }

    /// Waits until the killed processes have ended, and removes the group and its children.
    ///
    /// # Errors
    /// Processes in the group do not end.
    pub fn remove(&self) -> Result<()> {
        let what = format!("the control group {} is empty", self.path.display());
        wait_until(&what, Duration::from_secs(10), || Ok(remove(&self.path)))?;
        if let Some(shadow) = self.shadow() {
            remove(&shadow);
        }
        Ok(())
    }

    /// Returns the path of the empty group with the same name that systemd-nspawn creates in systemd's
    /// version 1 hierarchy, or nothing if there is no such hierarchy.
    #[must_use]
    pub fn shadow(&self) -> Option<PathBuf> {
        let below = self.path.strip_prefix(unified().ok()?).ok()?;
        let hierarchy = mounted(|kind, options| {
            kind == "cgroup" && options.split(',').any(|option| option == "name=systemd")
        });
        Some(hierarchy.ok()??.join(below))
    }
}

/// Removes the group at `path` with its children. Returns whether the group no longer exists.
fn remove(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else { return true };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    fs::remove_dir(path).map_or_else(|error| error.kind() == ErrorKind::NotFound, |()| true)
}

/// Returns the mount point of the unified hierarchy: `/sys/fs/cgroup`, or a directory below it if version 1
/// of control groups is mounted too.
fn unified() -> Result<PathBuf> {
    let Some(path) = mounted(|kind, _| kind == "cgroup2")? else {
        bail!("This machine has no cgroup2 hierarchy mounted, which systemd in the lab's hosts needs");
    };
    Ok(path)
}

/// Returns the mount point of the first filesystem with the wanted type and options.
pub(crate) fn mounted(wanted: impl Fn(&str, &str) -> bool) -> Result<Option<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("Failed to read /proc/self/mounts")?;
    Ok(mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        wanted(kind, options).then(|| PathBuf::from(path))
    }))
}
