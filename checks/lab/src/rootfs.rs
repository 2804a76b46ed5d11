//! The root filesystems of the lab. Each is made once by mmdebstrap, stored below `target/lab/roots/` and
//! never modified.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::apt;
use crate::command::Program;
use crate::place::{self, Lock};
use crate::recipe::Recipe;
use crate::upgrade::Upgrade;

/// The way to make a root filesystem.
#[derive(Clone, Debug)]
pub enum Root {
    /// Make it from its own recipe.
    Recipe(Recipe),
    /// Copy the root filesystem of the lab's hosts, and upgrade some packages to those of a later Debian
    /// release.
    Upgrade(Upgrade),
}

impl Root {
    /// Returns the root filesystem. It is made if it does not exist yet.
    ///
    /// # Errors
    /// The root filesystem cannot be made.
    pub fn make(&self) -> Result<RootFs> {
        match self {
            Self::Recipe(recipe) => RootFs::of(recipe),
            Self::Upgrade(upgrade) => RootFs::upgraded(upgrade),
        }
    }
}

impl From<Recipe> for Root {
    fn from(recipe: Recipe) -> Self {
        Self::Recipe(recipe)
    }
}

impl From<Upgrade> for Root {
    fn from(upgrade: Upgrade) -> Self {
        Self::Upgrade(upgrade)
    }
}

/// A complete root filesystem. It is the lowest layer of the overlay filesystem of hosts.
#[derive(Clone, Debug)]
pub struct RootFs {
    path: PathBuf,
}

impl RootFs {
    /// Returns the root filesystem of `recipe`. The root filesystem is made if it does not exist yet.
    ///
    /// # Errors
    /// mmdebstrap or a command of the recipe fails, or a file cannot be written.
    pub fn of(recipe: &Recipe) -> Result<Self> {
        Self::made(recipe.name, &recipe.digest(), |unfinished| {
            bootstrap(recipe, unfinished)?;
            finish(recipe, unfinished)
        })
    }

    /// Returns the root filesystem of `upgrade`. The root filesystem is made if it does not exist yet.
    ///
    /// # Errors
    /// The root filesystem of hosts cannot be made, or apt fails.
    pub fn upgraded(upgrade: &Upgrade) -> Result<Self> {
        let host = Recipe::host();
        let below = Self::of(&host)?;
        Self::made(upgrade.name, &upgrade.digest(&host), |unfinished| upgrade.apply(below.path(), unfinished))
    }

    /// Returns the root filesystem with this name and digest. If it does not exist yet, it is made in a
    /// temporary directory and then renamed.
    fn made(name: &str, digest: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let roots = place::lab().join("roots");
        let path = roots.join(format!("{name}-{digest}"));
        let _lock = Lock::wait(&roots.join(format!("{name}.lock")))?;
        if path.exists() {
            return Ok(Self { path });
        }
        let begun = Instant::now();
        eprintln!("lab: making the {name} root filesystem (once, about half a minute)");
        let unfinished = roots.join(format!("{name}.unfinished"));
        remove_tree(&unfinished)?;
        make(&unfinished)?;
        fs::rename(&unfinished, &path).with_context(|| format!("Failed to rename to {}", path.display()))?;
        eprintln!("lab: made in {:.0} s", begun.elapsed().as_secs_f64());
        Ok(Self { path })
    }

    /// Returns the directory of the root filesystem on this machine.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn bootstrap(recipe: &Recipe, root: &Path) -> Result<()> {
    Program::new("mmdebstrap")
        .args(["--variant=minbase", "--mode=root", "--quiet"])
        .args(recipe.merges_usr.then_some("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"))
        .arg(format!("--include={}", recipe.packages.join(",")))
        .arg(recipe.suite)
        .arg(root)
        .arg(apt::archive()?)
        .limit(Duration::from_secs(600))
        .run()?
        .success()
        .context("Failed to make a Debian root filesystem")?;
    Ok(())
}

fn finish(recipe: &Recipe, root: &Path) -> Result<()> {
    for (path, mode, text) in &recipe.files {
        let path = root.join(path);
        make_parent(&path)?;
        fs::write(&path, text).with_context(|| format!("Failed to write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))
            .with_context(|| format!("Failed to set the mode of {}", path.display()))?;
    }
    for (path, target) in &recipe.links {
        let path = root.join(path);
        make_parent(&path)?;
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(&path).with_context(|| format!("Failed to remove {}", path.display()))?;
        }
        symlink(target, &path).with_context(|| format!("Failed to link {}", path.display()))?;
    }
    for command in &recipe.commands {
        inside(root).args(*command).run()?.success()?;
    }
    for path in &recipe.removed {
        let path = root.join(path);
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(&path).with_context(|| format!("Failed to remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Returns a program that runs a command in a root filesystem that is not booted. The caller adds the
/// command.
pub(crate) fn inside(root: &Path) -> Program {
    // Nix needs /proc. The mount of /proc disappears when the command ends.
    let inside = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";
    apart().args(["sh", "-c", inside]).arg(root)
}

/// Returns a program that runs a command with mounts and processes of its own. The caller adds the command.
/// After a build, Nix kills all processes of its build user. These must not be the builds in running guests,
/// whose processes are visible on this machine.
pub(crate) fn apart() -> Program {
    Program::new("unshare").args(["--mount", "--pid", "--fork", "--kill-child"])
}

fn make_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).with_context(|| format!("Failed to create {}", parent.display()))
}

/// Removes a directory and its contents. A missing directory is not an error.
///
/// # Errors
/// An entry cannot be removed.
pub fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("Failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
