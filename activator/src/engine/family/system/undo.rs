//! Returns to the NixOS system that ran before, and to the former boot default.

use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::system::ActivateSystem;
use nixfleet_contract::values::AbsPath;

use super::entry::{BootFacts, SystemEntry};
use super::loader;
use crate::engine::transaction::undo::UndoTime;
use crate::host::Host;
use crate::host::nixos::{self, Action, Checks, Terms, Tolerated};
use crate::host::profile::{self, NATIVE, Profile};

/// Restores what the host boots. Returns notes about what another program has changed meanwhile, or what the
/// boot loader could not be told.
///
/// # Errors
/// [`Code::System`] or [`Code::HostFile`].
pub fn boot(host: &Host, entry: &SystemEntry) -> Result<Vec<String>, Problem> {
    match entry {
        SystemEntry::Activate(_) => Ok(Vec::new()),
        SystemEntry::SetBootDefault(step, facts) => restore(host, facts, &step.to),
        SystemEntry::BootOnce(step, facts) => {
            let mut notes = restore(host, facts, &step.to)?;
            // If the boot loader could not be told to boot the system, it has nothing to forget.
            let told = loader::boot_default(host, step.loader, &step.to);
            notes.extend(told.err().map(|problem| problem.to_string()));
            Ok(notes)
        }
    }
}

/// Restores the native profile, and then the boot loader, even if the profile is restored already: an earlier
/// undo may have failed in between. A native profile that another program has changed meanwhile stays.
fn restore(host: &Host, facts: &BootFacts, to: &AbsPath) -> Result<Vec<String>, Problem> {
    let native = Profile::read_in(host, NATIVE)?;
    let current = native.current.as_ref().map(|current| current.number);
    let has_ours = native.generation(facts.number).is_some_and(|own| own.closure == **to);
    let is_switched = current == Some(facts.number) && has_ours;
    if !is_switched && current != facts.default {
        return Ok(vec![format!(
            "another program changed the boot default during the change; it stays: {NATIVE}/system"
        )]);
    }
    profile::switch_back(host, NATIVE, facts.default, facts.begun().filter(|_| has_ours))?;
    match &facts.system {
        Some(system) => nixos::switch(host, system, Action::Boot, Checks::Skip).map(|_| Vec::new()),
        None => Ok(Vec::new()),
    }
}

/// Activates the former system again. Returns a note if units of the former system failed, or if another
/// program has activated a third system meanwhile.
///
/// # Errors
/// [`Code::System`]. While the host boots, nothing is activated. [`Code::Recovery`] if the host has not
/// booted the system that ran before: the next contact then activates that system.
pub fn activation(host: &Host, step: &ActivateSystem, moment: UndoTime) -> Result<Option<String>, Problem> {
    let running = nixos::running(host);
    match moment {
        UndoTime::Booting if running.as_ref() == Some(&step.from) => Ok(None),
        UndoTime::Booting => {
            let booted = running.map(String::from).unwrap_or_default();
            Err(Problem::new(Code::Recovery, "the host did not boot the system that ran before the change")
                .at(&step.from)
                .because(format!("the boot default was {booted}"))
                .help("run any NixFleet command on the host: it activates the former system first"))
        }
        UndoTime::Running => {
            let third = || {
                let third =
                    nixos::running(host).filter(|running| *running != step.from && *running != step.to)?;
                Some(format!("another program activated {third} during the change; it stays"))
            };
            if let Some(note) = third() {
                return Ok(Some(note));
            }
            let limit = nixos::LIMIT.max(step.timeout.map_or(Duration::ZERO, Duration::from_secs));
            let terms = Terms { checks: Checks::Skip, limit, tolerated: Tolerated::All };
            let ended = nixos::switch_on(host, &step.from, Action::Test, &terms);
            match ended {
                // The former system is active, although its activation fails, as it may always have done.
                Err(problem) if nixos::running(host).as_ref() == Some(&step.from) => {
                    Ok(Some(format!("the former NixOS system is active again, but: {problem}")))
                }
                // The undo may have waited for another program, which has activated its own system.
                Err(problem) => third().map(Some).ok_or(problem),
                Ok(note) => Ok(note),
            }
        }
    }
}
