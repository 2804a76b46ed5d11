//! The NixOS systems of a host: the running system, the booted system and the boot default.

mod failures;
mod lock;
mod switch;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::plan::Drift;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::AbsPath;

use super::profile::{self, NATIVE, Profile};
use super::{Host, boot, host_file};
use crate::toplevel;

pub use failures::{Tolerated, failing};
pub use lock::check_lock;
pub use switch::{Action, Checks, LIMIT, Owners, Terms, dry_activate, switch, switch_on};

/// The link to the running system. The activation script of NixOS sets the link.
pub const RUNNING: &str = Drift::RUNNING_SYSTEM;
/// The link to the system that the host booted.
const BOOTED: &str = "/run/booted-system";
/// The file that marks a NixOS host.
const MARK: &str = "/etc/NIXOS";

/// The NixOS systems of a host, as a plan needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Systems {
    /// The running system; `None` if the link [`RUNNING`] cannot be read.
    pub running: Option<AbsPath>,
    /// The switch inhibitors of the running system, by name. A system in which one of these values is
    /// different cannot be activated without a restart of the host.
    pub inhibitors: BTreeMap<String, String>,
    /// The parts of the booted system that take effect only when the host boots, such as `kernel`, by name.
    pub booted: BTreeMap<String, String>,
    /// The boot default: the current generation of the native profile ([`NATIVE`]).
    pub default: Option<Generation>,
    /// The generations of the native profile, oldest first.
    pub generations: Vec<Generation>,
    /// The id that the kernel has chosen for the current boot.
    pub boot_id: String,
}

impl Systems {
    /// Reads the systems of a host. Returns `None` if the host does not run NixOS.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn read(host: &Host) -> Result<Option<Self>, Problem> {
        if !is_nixos(host) {
            return Ok(None);
        }
        let unreadable = |path: &'static str| move |error: io::Error| host_file("read", path, &error);
        let booted = match target(host, BOOTED) {
            Some(system) => toplevel::boot_parts(Path::new(&*system)).map_err(unreadable(BOOTED))?,
            None => BTreeMap::new(),
        };
        let running = running(host);
        let inhibitors = match &running {
            Some(system) => toplevel::inhibitors(Path::new(&**system)).map_err(unreadable(RUNNING))?,
            None => BTreeMap::new(),
        };
        let native = Profile::read_in(host, NATIVE)?;
        let generations = native.generations.into_iter().map(|info| info.generation).collect();
        Ok(Some(Self {
            running,
            inhibitors,
            booted,
            default: native.current,
            generations,
            boot_id: boot::id(host),
        }))
    }

    /// Returns the number of a native generation that contains `system`: `number` if the generation with this
    /// number contains `system`, otherwise the number of the newest generation that contains `system`.
    #[must_use]
    pub fn generation_of(&self, system: &AbsPath, number: u64) -> Option<u64> {
        let mut of_system = self.generations.iter().filter(|generation| *generation.closure == **system);
        let named = of_system.clone().any(|generation| generation.number == number).then_some(number);
        named.or_else(|| of_system.next_back().map(|generation| generation.number))
    }

    /// Whether a number is greater than the numbers of all native generations.
    #[must_use]
    pub fn is_above_all(&self, number: u64) -> bool {
        self.generations.last().is_none_or(|last| last.number < number)
    }

    /// Returns the number for a new native generation: `number`, or the number after the newest native
    /// generation, whichever is greater.
    #[must_use]
    pub fn new_number(&self, number: u64) -> u64 {
        self.generations.last().map_or(number, |last| number.max(last.number + 1))
    }
}

/// Whether a host runs NixOS, according to `/etc/NIXOS` and `/etc/os-release`. `switch-to-configuration`
/// checks the same two files. For each [`Host`], the files are read only once.
#[must_use]
pub fn is_nixos(host: &Host) -> bool {
    let release = || fs::read_to_string(host.path("/etc/os-release")).unwrap_or_default();
    let has_id = || release().lines().any(|line| line == "ID=nixos" || line == "ID=\"nixos\"");
    *host.is_nixos.get_or_init(|| host.path(MARK).exists() || has_id())
}

/// Returns the system that the host booted; `None` if the link to this system cannot be read.
#[must_use]
pub fn booted(host: &Host) -> Option<AbsPath> {
    target(host, BOOTED)
}

/// Returns the running system; `None` if the link [`RUNNING`] cannot be read.
#[must_use]
pub fn running(host: &Host) -> Option<AbsPath> {
    target(host, RUNNING)
}

fn target(host: &Host, link: &str) -> Option<AbsPath> {
    fs::read_link(host.path(link)).ok()?.to_str()?.parse().ok()
}

/// Removes the native generation with the number and the system of a NixFleet generation, so that Nix can
/// collect the system too. The native generation stays if it contains another system, if it is the boot
/// default or the next boot (`pending`), or if its system is running or booted.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn forget(host: &Host, generation: &Generation, pending: Option<u64>) -> Result<(), Problem> {
    let Ok(system) = fs::read_link(Path::new(&generation.closure).join("system")) else { return Ok(()) };
    let native = Profile::read_in(host, NATIVE)?;
    let is_its = native.generation(generation.number).is_some_and(|own| Path::new(&own.closure) == system);
    let is_default = native.current.is_some_and(|current| current.number == generation.number);
    let is_in_use = [RUNNING, BOOTED]
        .into_iter()
        .any(|link| target(host, link).is_some_and(|used| Path::new(&*used) == system));
    if is_its && !is_default && !is_in_use && pending != Some(generation.number) {
        profile::forget(host, NATIVE, generation.number)?;
    }
    Ok(())
}

/// Removes the native generation `number`, which a transaction created for `system`. The generation stays if
/// it is the boot default, if the host has booted its system, or if another program has given the number to
/// another system.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::HostFile`].
pub fn forget_created(host: &Host, number: u64, system: &AbsPath) -> Result<(), Problem> {
    let native = Profile::read_in(host, NATIVE)?;
    let is_its = native.generation(number).is_some_and(|own| own.closure == **system);
    let is_default = native.current.is_some_and(|current| current.number == number);
    if !is_its || is_default || booted(host).as_ref() == Some(system) {
        return Ok(());
    }
    profile::forget(host, NATIVE, number)?;
    profile::sync(host, NATIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_asked_once_whether_it_runs_nixos() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("etc")).unwrap();
        let asked = || {
            let host = Host::open(root.path()).unwrap();
            let first = is_nixos(&host);
            let _ = fs::remove_file(at("etc/NIXOS"));
            let _ = fs::remove_file(at("etc/os-release"));
            assert_eq!(is_nixos(&host), first);
            first
        };
        assert!(!asked());
        fs::write(at("etc/NIXOS"), "").unwrap();
        assert!(asked());
        for (release, expected) in
            [("ID=nixos\n", true), ("NAME=x\nID=\"nixos\"\n", true), ("ID=ubuntu\n", false)]
        {
            fs::write(at("etc/os-release"), release).unwrap();
            assert_eq!(asked(), expected, "{release}");
        }
    }
}
