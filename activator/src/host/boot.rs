//! Identifies the present boot of a host.

use std::fs;

use crate::host::Host;

/// Returns the id of the present boot, which the kernel chooses at random. The id is empty if the host does
/// not tell.
#[must_use]
pub fn id(host: &Host) -> String {
    let id = fs::read_to_string(host.path("/proc/sys/kernel/random/boot_id"));
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}
