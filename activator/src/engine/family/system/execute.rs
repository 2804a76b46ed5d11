//! Activates a NixOS system, and changes what the host boots.

use std::time::Duration;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::system::{ActivateSystem, SetBootDefault};
use nixfleet_contract::values::AbsPath;

use super::entry::{BootFacts, SystemEntry};
use super::loader;
use crate::host::Host;
use crate::host::nixos::{self, Action, Checks};
use crate::host::profile::{self, NATIVE};

/// Checks that a system may be activated, before anything is changed.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`] if a check of the system refuses,
/// [`nixfleet_contract::problem::Code::Locked`] if another program is switching the system.
pub fn check(host: &Host, step: &ActivateSystem) -> Result<(), Problem> {
    nixos::check_lock(host)?;
    nixos::switch(host, &step.to, Action::Check, Checks::Run).map(drop)
}

/// Activates a system.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`].
pub fn activate(host: &Host, step: &ActivateSystem) -> Result<(), Problem> {
    let limit = step.timeout.map_or(nixos::LIMIT, Duration::from_secs);
    nixos::switch_within(host, &step.to, (Action::Test, Checks::Run), limit).map(drop)
}

/// Changes what the host boots. After an interruption, the call can be repeated.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`], [`nixfleet_contract::problem::Code::HostFile`], or
/// [`nixfleet_contract::problem::Code::DiskFull`].
pub fn boot(host: &Host, entry: &SystemEntry) -> Result<(), Problem> {
    match entry {
        SystemEntry::Activate(_) => Ok(()),
        SystemEntry::SetBootDefault(SetBootDefault { to, .. }, facts) => {
            profile::switch(host, NATIVE, &generation(facts, to))?;
            nixos::switch(host, to, Action::Boot, Checks::Skip).map(drop)
        }
        SystemEntry::BootOnce(step, facts) => {
            profile::add(host, NATIVE, &generation(facts, &step.to))?;
            // The boot loader gets entries for all native generations from the boot default.
            if let Some(default) = &facts.system {
                nixos::switch(host, default, Action::Boot, Checks::Skip)?;
            }
            loader::boot_once(host, step.loader, &step.to, facts.number)
        }
    }
}

fn generation(facts: &BootFacts, system: &AbsPath) -> Generation {
    Generation { number: facts.number, closure: system.to_string() }
}
