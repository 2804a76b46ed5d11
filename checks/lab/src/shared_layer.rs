//! The files that the operator's machines of all labs have in common: the programs under test, the flakes in
//! `/srv`, the user's fleet, and the Nix store with the inputs of that fleet. These files form a layer
//! between the root filesystem and the guest's own layer. The layer is made once and never modified.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries::Binaries;
use crate::checkout;
use crate::command::Program;
use crate::operator;
use crate::place::{self, Lock};
use crate::reaper::Running;
use crate::recipe::digest;
use crate::rootfs::remove_tree;
use crate::seed::Layer;

/// The time after which a layer that no running lab uses is removed. A run of all tests takes less time than
/// this, so no layer is made twice in one run. A run makes one layer for each root filesystem.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Returns the layer above `root` that contains these programs. If the layer does not exist yet, it is made,
/// and old layers that no running lab uses are removed first.
///
/// # Errors
/// A file cannot be copied, or Nix cannot lock the fleet.
pub fn above(root: &Path, programs: &Binaries, running: &[Running], _alone: &Lock) -> Result<PathBuf> {
    let layers = place::lab().join("shared-layers");
    let path = layers.join(identity(root, programs)?);
    if path.exists() {
        return Ok(path);
    }
    remove_unused(&layers, running)?;
    let unfinished = layers.join("unfinished");
    remove_tree(&unfinished)?;
    let layer = Layer::create(unfinished.join("upper"), vec![root.to_path_buf()])?;
    operator::place_shared(&layer, programs)?;
    lock_fleet(root, &unfinished)?;
    fs::rename(unfinished.join("upper"), &path)
        .with_context(|| format!("Failed to rename to {}", path.display()))?;
    remove_tree(&unfinished)?;
    Ok(path)
}

/// Returns the name of a layer. The name is different if the root filesystem, a file of the checkout or a
/// program is different.
fn identity(root: &Path, programs: &Binaries) -> Result<String> {
    let mut files = format!("{}\n", root.display());
    let sources = checkout::files()?.into_iter().map(|file| checkout::path(&file));
    for path in sources.chain([programs.nixfleet(), programs.activate()]) {
        // A file that git lists may have been deleted.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        writeln!(files, "{} {:o} {} {changed:?}", path.display(), metadata.mode(), metadata.len())?;
    }
    Ok(digest(&files))
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

/// Lets Nix write the `flake.lock` of the fleet. For this, Nix copies the inputs of the fleet to the Nix
/// store of the layer in `unfinished`, so no lab has to copy and hash the inputs.
fn lock_fleet(root: &Path, unfinished: &Path) -> Result<()> {
    let (work, merged) = (unfinished.join("work"), unfinished.join("merged"));
    for path in [&work, &merged] {
        fs::create_dir_all(path).with_context(|| format!("Failed to create {}", path.display()))?;
    }
    let script = "mount -t overlay overlay -o lowerdir=\"$0\",upperdir=\"$1\",workdir=\"$2\" \"$3\" && \
                  mount -t proc proc \"$3/proc\" && \
                  exec chroot \"$3\" sh -c 'cd /home/ada/fleet && nix flake lock path:. && \
                  chown --reference=flake.nix flake.lock && rm -rf /root/.cache'";
    Program::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(root)
        .arg(unfinished.join("upper"))
        .arg(work)
        .arg(merged)
        .run()?
        .success()
        .context("Failed to lock the fleet of the operator's machine")?;
    Ok(())
}
