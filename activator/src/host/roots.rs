//! The garbage collection roots of an open transaction.

use std::path::Path;

use nixfleet_contract::problem::Problem;

use super::profile::{beside, remove, replace};
use super::{Host, host_file};

/// The directory in which Nix looks for additional garbage collection roots.
pub const ROOTS: &str = "/nix/var/nix/gcroots";
/// The names of the garbage collection roots of an open transaction, in the order of [`Pinned`].
const PINS: [&str; 4] =
    ["nixfleet-transaction", "nixfleet-before", "nixfleet-before-closure", "nixfleet-before-default"];

/// The store paths that a transaction and its undo need.
#[derive(Clone, Copy, Debug)]
pub struct Pinned<'a> {
    /// The new closure, including the activator that recovers the host.
    pub closure: &'a str,
    /// The NixOS system that ran before the transaction, if the transaction activates another system.
    pub running: Option<&'a str>,
    /// The closure of the generation that was active before the transaction, if any.
    pub before: Option<&'a str>,
    /// The NixOS system that was the boot default before the transaction, if the transaction changes what the
    /// host boots.
    pub default: Option<&'a str>,
}

/// Protects store paths from garbage collection while a transaction is open. The links of generations do not
/// suffice: `nix-collect-garbage --delete-old` removes the links of all generations that are not current.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`] or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn pin(host: &Host, pinned: &Pinned<'_>) -> Result<(), Problem> {
    let roots = host.path(ROOTS);
    // Without Nix, nothing is garbage collected.
    if !roots.is_dir() {
        return Ok(());
    }
    let Pinned { closure, running, before, default } = *pinned;
    let pins = PINS.into_iter().zip([Some(closure), running, before, default]);
    let mut pins = pins.filter_map(|(name, path)| Some((name, path?)));
    pins.try_for_each(|(name, path)| replace(&roots, name, Path::new(path))).map_err(|error| {
        // Ignore errors of the cleanup. The next run removes any leftovers.
        let _ = unpin(host);
        host_file("create the garbage collector root in", ROOTS, &error)
    })
}

/// Undoes [`pin`], even if that call was interrupted.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn unpin(host: &Host) -> Result<(), Problem> {
    let roots = host.path(ROOTS);
    PINS.into_iter()
        .flat_map(|name| [roots.join(name), beside(&roots, name)])
        .try_for_each(|link| remove(&link))
        .map_err(|error| host_file("remove the garbage collector root from", ROOTS, &error))
}
