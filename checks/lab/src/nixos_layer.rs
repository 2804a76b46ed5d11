//! Stand-ins for NixOS hosts. A stand-in is a Debian host with a Nix store and boot entries, both as on
//! NixOS. Its first process is a stand-in for a boot loader (`checks/lab/nixos`). This boot loader starts a
//! system that was built with the stand-in for nixpkgs (`checks/fixtures/nixpkgs/nixos`).
//!
//! A new host has one system, which is built from `checks/lab/nixos/factory.nix`. The Nix store with this
//! system is a layer between the root filesystem and the guest's own layer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::checkout;
use crate::command::Program;
use crate::layers;
use crate::place::Lock;
use crate::reaper::Running;
use crate::rootfs;
use crate::seed::Layer;

/// The folders of the checkout that contain everything from which the layer is made.
const SOURCES: [&str; 2] = ["checks/fixtures/", "checks/lab/nixos/"];

/// The files that prepare the host instead of NixOS: the path on the host, the file in `checks/lab/nixos`,
/// and the mode.
const FILES: [(&str, &str, u32); 4] = [
    ("usr/sbin/init", "boot-loader", 0o755),
    ("etc/environment", "environment", 0o644),
    ("etc/sudoers.d/nixos", "sudoers", 0o440),
    ("etc/systemd/system.conf.d/nixos.conf", "system.conf", 0o644),
];

/// Returns the layer that turns a host with the root filesystem `root` into a stand-in for a NixOS host.
/// Makes the layer if it does not exist yet.
///
/// # Errors
/// A file cannot be copied, or Nix cannot build the first system.
pub fn above(root: &Path, running: &[Running], alone: &Lock) -> Result<PathBuf> {
    let listed = checkout::files()?.into_iter();
    let sources = listed.filter(|file| SOURCES.iter().any(|source| file.starts_with(source)));
    let name = layers::name("nixos", root, sources.map(|file| checkout::path(&file)))?;
    layers::made(&name, running, alone, |unfinished| {
        let layer = Layer::create(unfinished.join("upper"), vec![root.to_path_buf()])?;
        for (path, file, mode) in FILES {
            let file = checkout::path(&format!("checks/lab/nixos/{file}"));
            let bytes = fs::read(&file).with_context(|| format!("Failed to read {}", file.display()))?;
            layer.place(path, &bytes, mode, 0)?;
        }
        let nixpkgs = unfinished.join("nixpkgs");
        Program::new(checkout::path("checks/fixtures/provide-nixpkgs"))
            .arg(unfinished)
            .arg(layer.below(Path::new("usr/bin/busybox")).context("The root filesystem has no busybox")?)
            .run()?
            .success()?;
        build(root, unfinished, &nixpkgs)
    })
}

/// Builds the first system in the Nix store of the layer in `unfinished`, makes the system generation 1, and
/// installs its boot entries.
fn build(root: &Path, unfinished: &Path, nixpkgs: &Path) -> Result<()> {
    let (work, merged) = (unfinished.join("work"), unfinished.join("merged"));
    for path in [&work, &merged] {
        fs::create_dir_all(path).with_context(|| format!("Failed to create {}", path.display()))?;
    }
    rootfs::apart()
        .arg("sh")
        .arg(checkout::path("checks/lab/nixos/build-factory.sh"))
        .arg(root)
        .arg(unfinished.join("upper"))
        .arg(work)
        .arg(merged)
        .arg(nixpkgs)
        .arg(checkout::path("checks/lab/nixos"))
        .limit(Duration::from_secs(120))
        .run()?
        .success()
        .context("Failed to build the first system of a stand-in for a NixOS host")?;
    Ok(())
}
