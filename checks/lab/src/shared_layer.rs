//! The files that the operator's machines of all labs have in common: the programs under test, the flakes in
//! `/srv`, the user's fleet, and the Nix store with the inputs of that fleet. These files form a layer
//! between the root filesystem and the guest's own layer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::binaries::Binaries;
use crate::checkout;
use crate::layers;
use crate::operator;
use crate::place::Lock;
use crate::reaper::Running;
use crate::rootfs;
use crate::seed::Layer;

/// Returns the layer above `root` that contains these programs. The layer is made if it does not exist yet.
///
/// # Errors
/// A file cannot be copied, or Nix cannot lock the fleet.
pub fn above(root: &Path, programs: &Binaries, running: &[Running], alone: &Lock) -> Result<PathBuf> {
    let sources = checkout::files()?.into_iter().map(|file| checkout::path(&file));
    let files = sources.chain([programs.nixfleet(), programs.activate()]);
    layers::made(&layers::name("operator", root, files)?, running, alone, |unfinished| {
        let layer = Layer::create(unfinished.join("upper"), vec![root.to_path_buf()])?;
        operator::place_shared(&layer, programs)?;
        lock_fleet(root, unfinished)
    })
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
    rootfs::apart()
        .args(["sh", "-c", script])
        .arg(root)
        .arg(unfinished.join("upper"))
        .arg(work)
        .arg(merged)
        .run()?
        .success()
        .context("Failed to lock the fleet of the operator's machine")?;
    Ok(())
}
