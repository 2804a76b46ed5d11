//! Finds objects at the paths below `/etc` that a NixOS system is about to make, if the running NixOS system
//! has not made them.

use std::collections::BTreeMap;
use std::fs;

use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::nixos::EtcEntry;
use nixfleet_contract::values::ManagedPath;

use crate::engine::observe::PathState;
use crate::host::{Host, nixos};

/// The directory at which the links that NixOS makes below `/etc` point.
const STATIC: &str = "/etc/static";
/// The file in which NixOS lists the files that it has copied to `/etc`, one per line, relative to `/etc`.
const COPIED: &str = "/etc/.clean";

/// Returns the declared paths below `/etc` of the NixOS system in the manifest; `None` if the host runs this
/// system already.
pub fn new_in_etc<'m>(host: &Host, manifest: &'m Manifest) -> Option<&'m BTreeMap<ManagedPath, EtcEntry>> {
    let wanted = manifest.nixos.as_ref()?;
    (nixos::running(host).as_ref() != Some(&wanted.toplevel)).then_some(&wanted.declared.etc)
}

/// Returns those of the paths at which an object exists that NixOS has not made. `found` contains the state
/// of the paths.
pub fn foreign<'p>(
    host: &Host,
    paths: impl Iterator<Item = &'p ManagedPath>,
    found: &BTreeMap<ManagedPath, PathState>,
) -> Vec<ManagedPath> {
    let copied = fs::read_to_string(host.path(COPIED)).unwrap_or_default();
    let is_copied = |path: &ManagedPath| {
        path.strip_prefix("/etc/").is_some_and(|name| copied.lines().any(|line| line == name))
    };
    let is_foreign = |path: &&ManagedPath| match found.get(*path) {
        None | Some(PathState::Missing) => false,
        Some(PathState::Link { target }) => !is_static(target) && !is_copied(path),
        // NixOS also makes links to whole directories.
        Some(PathState::Unreachable(_)) => !path.ancestors().any(|above| is_static_link(host, &above)),
        Some(PathState::File { .. } | PathState::Directory { .. } | PathState::Other(_)) => !is_copied(path),
    };
    paths.filter(is_foreign).cloned().collect()
}

fn is_static_link(host: &Host, path: &ManagedPath) -> bool {
    fs::read_link(host.path(path)).is_ok_and(|target| target.to_str().is_some_and(is_static))
}

fn is_static(target: &str) -> bool {
    target.strip_prefix(STATIC).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
