//! Control groups: one per boot of a guest. Guests that shared one would share the groups of their units too,
//! and their logins and stops would hang.

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
    /// The root of the hierarchy.
    ///
    /// # Errors
    /// The machine has no unified hierarchy mounted.
    pub fn root() -> Result<Self> {
        Ok(Self { path: unified()? })
    }

    /// The group of the lab with this id, which need not exist.
    ///
    /// # Errors
    /// The machine has no unified hierarchy mounted.
    pub fn of_lab(id: &str) -> Result<Self> {
        Ok(Self { path: unified()?.join(format!("nixfleet-lab-{id}")) })
    }

    /// A group below this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self { path: self.path.join(name) }
    }

    /// Creates it, and offers it the controllers of its parent, as far as those are to be had. The machine's
    /// own settings, which the root of the hierarchy has, stay.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.path)
            .with_context(|| format!("Failed to create the control group {}", self.path.display()))?;
        if let Some(parent) = self.path.parent().filter(|parent| parent.join("cgroup.type").exists()) {
            // The root has no `cgroup.type`.
            for controller in ["cpu", "memory", "pids", "io"] {
                // A hierarchy shared with version 1 has few of them; guests do without.
                fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}")).ok();
            }
        }
        Ok(())
    }

    /// Moves this process into it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn join(&self) -> Result<()> {
        fs::write(self.entrance(), process::id().to_string())
            .with_context(|| format!("Failed to enter the control group {}", self.path.display()))
    }

    /// The file that takes the ids of processes to move into it.
    #[must_use]
    pub fn entrance(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Whether it exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// The processes in it, without those below it.
    ///
    /// # Errors
    /// It does not exist.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let path = self.entrance();
        let ids = fs::read_to_string(&path).with_context(|| format!("Failed to read {}", path.display()))?;
        ids.lines().map(|id| id.parse().context("The kernel lists something that is no process id")).collect()
    }

    /// Kills every process in it and below, at one instant.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn kill(&self) -> Result<()> {
        match fs::write(self.path.join("cgroup.kill"), "1") {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error)
                .with_context(|| format!("Failed to kill the control group {}", self.path.display())),
            _ => Ok(()),
        }
    }

    /// Removes it and all below, once the processes that were killed are gone.
    ///
    /// # Errors
    /// Processes in it do not go away.
    pub fn remove(&self) -> Result<()> {
        let what = format!("the control group {} is empty", self.path.display());
        wait_until(&what, Duration::from_secs(10), || Ok(remove(&self.path)))?;
        if let Some(shadow) = self.shadow() {
            remove(&shadow);
        }
        Ok(())
    }

    /// The empty group of the same name that systemd-nspawn makes where version 1 has a hierarchy for
    /// systemd.
    #[must_use]
    pub fn shadow(&self) -> Option<PathBuf> {
        let below = self.path.strip_prefix(unified().ok()?).ok()?;
        let hierarchy = mounted(|kind, options| {
            kind == "cgroup" && options.split(',').any(|option| option == "name=systemd")
        });
        Some(hierarchy.ok()??.join(below))
    }
}

/// Whether nothing is left of the group at `path`.
fn remove(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else { return true };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    fs::remove_dir(path).map_or_else(|error| error.kind() == ErrorKind::NotFound, |()| true)
}

/// Where the unified hierarchy is mounted: alone at `/sys/fs/cgroup`, or below it beside version 1.
fn unified() -> Result<PathBuf> {
    let Some(path) = mounted(|kind, _| kind == "cgroup2")? else {
        bail!("This machine has no cgroup2 hierarchy mounted, which systemd in the lab's hosts needs");
    };
    Ok(path)
}

/// Where the first filesystem of the wanted kind and options is mounted.
fn mounted(wanted: impl Fn(&str, &str) -> bool) -> Result<Option<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("Failed to read /proc/self/mounts")?;
    Ok(mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        wanted(kind, options).then(|| PathBuf::from(path))
    }))
}
