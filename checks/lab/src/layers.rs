//! Layers of files between a root filesystem and the guests' own layers. Each layer is made once, stored
//! below `target/lab/shared-layers/`, and never modified.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::place::{self, Lock};
use crate::reaper::Running;
use crate::recipe::digest;
use crate::rootfs::remove_tree;

/// The age at which a layer is removed if no running lab uses it. A run of all tests takes less time than
/// this, so no layer is removed and made again within one run. A run makes only few layers for each root
/// filesystem, so they may stay for so long.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Returns the layer with this name. If the layer does not exist yet, removes old layers that no running lab
/// uses, and calls `make` with an empty directory, in which `make` creates the layer as the directory
/// `upper`.
///
/// # Errors
/// `make` fails, or a file cannot be renamed or removed.
pub fn made(
    name: &str,
    running: &[Running],
    _alone: &Lock,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let layers = place::lab().join("shared-layers");
    let path = layers.join(name);
    if path.exists() {
        return Ok(path);
    }
    remove_unused(&layers, running)?;
    let unfinished = layers.join("unfinished");
    remove_tree(&unfinished)?;
    make(&unfinished)?;
    fs::rename(unfinished.join("upper"), &path)
        .with_context(|| format!("Failed to rename to {}", path.display()))?;
    remove_tree(&unfinished)?;
    Ok(path)
}

/// Returns the name of a layer. The name depends on the root filesystem and on the size, mode and change time
/// of the files from which the layer is made.
///
/// # Errors
/// Never fails in practice: a text is formatted.
pub fn name(kind: &str, root: &Path, files: impl IntoIterator<Item = PathBuf>) -> Result<String> {
    let mut listed = format!("{}\n", root.display());
    for path in files {
        // A file that git lists may be missing in the working tree.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        writeln!(listed, "{} {:o} {} {changed:?}", path.display(), metadata.mode(), metadata.len())?;
    }
    Ok(format!("{kind}-{}", digest(&listed)))
}

fn remove_unused(layers: &Path, running: &[Running]) -> Result<()> {
    fs::create_dir_all(layers).with_context(|| format!("Failed to create {}", layers.display()))?;
    let is_used = |path: &Path| {
        let mut guests = running.iter().flat_map(|lab| &lab.spec.guests);
        guests.any(|guest| guest.below.iter().any(|layer| layer == path))
    };
    for entry in fs::read_dir(layers).with_context(|| format!("Failed to list {}", layers.display()))? {
        let path = entry.with_context(|| format!("Failed to list {}", layers.display()))?.path();
        let made = fs::metadata(&path).and_then(|found| found.modified());
        let is_old = made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > LIFETIME));
        if !is_used(&path) && is_old {
            remove_tree(&path)?;
        }
    }
    Ok(())
}
