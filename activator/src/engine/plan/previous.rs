//! Determines the previous generation of a host, to which a rollback without a number returns.

use std::fs;
use std::path::Path;

use nixfleet_contract::generation::{Generation, GenerationInfo};

use crate::host::profile::Profile;
use crate::host::{Host, nixos};

/// Returns the generation before the current one. If another tool has activated a NixOS system since the
/// current generation became current, the current generation is itself the previous one.
pub(super) fn previous<'p>(host: &Host, profile: &'p Profile) -> Option<&'p Generation> {
    let current = profile.current.as_ref();
    let number = current.map_or(u64::MAX, |generation| generation.number);
    if has_moved_on(host, profile, number) {
        return current;
    }
    let mut generations = profile.generations.iter().map(|info| &info.generation);
    generations.rfind(|generation| generation.number < number)
}

/// Whether a NixOS host runs a system that was activated after generation `current`. A host that runs the
/// system of an older generation has not moved on: the system of `current` waits for a boot, or did not come
/// up.
fn has_moved_on(host: &Host, profile: &Profile, current: u64) -> bool {
    if profile.current.is_none() || !nixos::is_nixos(host) {
        return false;
    }
    let Some(running) = nixos::running(host) else { return false };
    let runs = |info: &&GenerationInfo| *system(info) == *running;
    let with_it = profile.generations.iter().filter(runs).map(|info| info.generation.number);
    let numbers: Vec<u64> = with_it.collect();
    // A system that was only tested, as by `nixos-rebuild test`, is in no generation.
    let is_newer = numbers.is_empty() || numbers.iter().any(|number| *number > current);
    is_newer && !numbers.contains(&current)
}

/// Returns the path of the NixOS system of a generation.
fn system(info: &GenerationInfo) -> String {
    let closure = &info.generation.closure;
    let link = fs::read_link(Path::new(closure).join("system")).ok().filter(|_| !info.external);
    link.map_or_else(|| closure.clone(), |system| system.to_string_lossy().into_owned())
}
