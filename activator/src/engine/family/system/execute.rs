//! Activates a NixOS system, and changes what the host boots.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::system::{ActivateSystem, SetBootDefault};
use nixfleet_contract::values::AbsPath;

use super::entry::{BootFacts, SystemEntry};
use super::loader;
use crate::engine::health::May;
use crate::host::nixos::{self, Action, Checks, Owners, Terms, Tolerated};
use crate::host::profile::{self, NATIVE, Profile};
use crate::host::{Host, disk, host_file};

/// Checks that a system may be activated, before anything is changed.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`] if a check of the system refuses,
/// [`nixfleet_contract::problem::Code::Locked`] if another program is switching the system.
pub fn check(host: &Host, step: &ActivateSystem) -> Result<(), Problem> {
    nixos::check_lock(host)?;
    nixos::switch(host, &step.to, Action::Check, Checks::Run)
}

/// Activates a system. With [`May::Undo`], fails if a unit fails that had not failed before. With
/// [`May::Stand`], failures of units are tolerated. `owners`: whether the activation gives owners to paths of
/// the transaction. Returns a note about tolerated failures.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`].
pub fn activate(
    host: &Host,
    step: &ActivateSystem,
    may: May,
    owners: Owners,
) -> Result<Option<String>, Problem> {
    let tolerated = match may {
        May::Undo => Tolerated::Known(nixos::failing(host)),
        May::Stand => Tolerated::All,
    };
    let limit = step.timeout.map_or(nixos::LIMIT, Duration::from_secs);
    nixos::switch_on(host, &step.to, Action::Test, &Terms { checks: Checks::Run, limit, tolerated, owners })
}

/// Executes a step that changes what the host boots. After an interruption, the call can be repeated.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`], [`nixfleet_contract::problem::Code::HostFile`], or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn boot(host: &Host, entry: &SystemEntry) -> Result<(), Problem> {
    match entry {
        SystemEntry::Activate(_) => Ok(()),
        SystemEntry::SetBootDefault(SetBootDefault { to, forgets, .. }, facts) => {
            check_generations(host, facts, to)?;
            profile::switch(host, NATIVE, &generation(facts, to))?;
            nixos::switch(host, to, Action::Boot, Checks::Skip)?;
            forgets.map_or(Ok(()), |loader| loader::boot_default(host, loader, to))?;
            sync(host)
        }
        // If the host has booted the system meanwhile, the boot loader need not be told to boot it.
        SystemEntry::BootOnce(step, _) if nixos::booted(host).as_ref() == Some(&step.to) => Ok(()),
        SystemEntry::BootOnce(step, facts) => {
            check_generations(host, facts, &step.to)?;
            profile::add(host, NATIVE, &generation(facts, &step.to))?;
            // Install the boot loader of the boot default again, so that the menu gets an entry for the new
            // native generation.
            if let Some(default) = &facts.system {
                nixos::switch(host, default, Action::Boot, Checks::Skip)?;
            }
            loader::boot_once(host, step.loader, &step.to, facts.number)?;
            sync(host)
        }
    }
}

/// Checks that no other program has changed the native generations since the plan.
///
/// # Errors
/// [`Code::System`].
fn check_generations(host: &Host, facts: &BootFacts, to: &AbsPath) -> Result<(), Problem> {
    let native = Profile::read_in(host, NATIVE)?;
    let is_known = match &native.current {
        // An earlier call that was interrupted may have switched the native profile already.
        Some(current) if current.number == facts.number => current.closure == **to,
        current => current.as_ref().map(|current| current.number) == facts.default,
    };
    let is_free = native.generation(facts.number).is_none_or(|own| own.closure == **to);
    if is_known && is_free {
        return Ok(());
    }
    Err(Problem::new(Code::System, "another program changed the boot default during the change")
        .at(NATIVE)
        .because("nixos-rebuild or another deployment tool was at work")
        .help("plan again, then apply the new plan"))
}

/// Flushes the filesystems of the boot loader to disk, since the tools of the boot loader may write without
/// flushing.
pub(super) fn sync(host: &Host) -> Result<(), Problem> {
    let places = ["/boot", "/boot/efi", "/efi"].into_iter().filter(|place| host.path(place).is_dir());
    places.into_iter().try_for_each(|place| {
        let synced = File::open(host.path(place))
            .and_then(|directory| disk::sync_filesystem(directory.as_fd()).map_err(io::Error::from));
        synced.map_err(|error| host_file("sync", place, &error))
    })
}

fn generation(facts: &BootFacts, system: &AbsPath) -> Generation {
    Generation { number: facts.number, closure: system.to_string() }
}
