//! Returns to the NixOS system that ran before, and to the former boot default.

use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::system::ActivateSystem;

use super::entry::{BootFacts, SystemEntry};
use super::loader;
use crate::engine::transaction::undo::UndoTime;
use crate::host::Host;
use crate::host::nixos::{self, Action, Checks};
use crate::host::profile::{self, NATIVE};

/// Restores what the host boots.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`] or [`nixfleet_contract::problem::Code::HostFile`].
pub fn boot(host: &Host, entry: &SystemEntry) -> Result<(), Problem> {
    match entry {
        SystemEntry::Activate(_) => Ok(()),
        SystemEntry::SetBootDefault(_, facts) => restore(host, facts),
        SystemEntry::BootOnce(step, facts) => {
            loader::boot_default(host, step.loader, &step.to)?;
            restore(host, facts)
        }
    }
}

fn restore(host: &Host, facts: &BootFacts) -> Result<(), Problem> {
    profile::switch_back(host, NATIVE, facts.default, facts.begun())?;
    match &facts.system {
        Some(system) => nixos::switch(host, system, Action::Boot, Checks::Skip).map(drop),
        None => Ok(()),
    }
}

/// Activates the former system again. While the host boots, nothing is activated: the host runs the system
/// that it booted. Returns a note if this is not the system that ran before.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::System`].
pub fn activation(host: &Host, step: &ActivateSystem, moment: UndoTime) -> Result<Option<String>, Problem> {
    match moment {
        UndoTime::Running => nixos::switch(host, &step.from, Action::Test, Checks::Skip),
        UndoTime::Booting => {
            let running = nixos::running(host).filter(|running| *running != step.from);
            Ok(running
                .map(|running| format!("the host booted {running}, but {} ran before the change", step.from)))
        }
    }
}
