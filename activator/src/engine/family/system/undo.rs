//! Undoes the steps on the NixOS system: restores the former boot default, and activates the system that ran
//! before.

use std::time::Duration;

use nixfleet_contract::nixos::Loader;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::system::ActivateSystem;
use nixfleet_contract::values::AbsPath;

use super::entry::{BootFacts, SystemEntry};
use super::{execute, loader};
use crate::engine::transaction::journal::Journal;
use crate::engine::transaction::undo::UndoTime;
use crate::host::nixos::{self, Action, Checks, Owners, Terms, Tolerated};
use crate::host::profile::{self, NATIVE, Profile};
use crate::host::{Host, boot};

/// Undoes a step that changes what the host boots. Returns a note if another program has changed the boot
/// default meanwhile, and a note if the boot loader refuses a command.
///
/// # Errors
/// [`Code::System`] or [`Code::HostFile`].
pub fn boot(host: &Host, entry: &SystemEntry) -> Result<Vec<String>, Problem> {
    let (to, facts, chosen) = match entry {
        SystemEntry::Activate(_) => return Ok(Vec::new()),
        SystemEntry::SetBootDefault(step, facts) => (&step.to, facts, None),
        SystemEntry::BootOnce(step, facts) => (&step.to, facts, Some(step.loader)),
    };
    let notes = [restore(host, facts, to)?, next_boot(host, facts, to, chosen)];
    execute::sync(host)?;
    Ok(notes.into_iter().flatten().collect())
}

/// Restores the one-time boot that the boot loader had been told to make before the step. If there was none,
/// cancels the one-time boot that the step has chosen. `chosen`: the boot loader, if the step has chosen a
/// one-time boot. Returns a note if the boot loader refuses the command. The boot loader will then have
/// refused the command of the step too, so there is nothing to cancel.
fn next_boot(host: &Host, facts: &BootFacts, to: &AbsPath, chosen: Option<Loader>) -> Option<String> {
    let told = match (&facts.pending, chosen) {
        (Some(before), _) if before.boot_id == boot::id(host) => {
            loader::boot_once(host, before.loader, to, before.number)
        }
        (_, Some(loader)) => loader::boot_default(host, loader, to),
        (_, None) => Ok(()),
    };
    told.err().map(|problem| problem.to_string())
}

/// Restores the native profile, and then installs the boot loader for the former boot default. If the profile
/// has been restored already, the boot loader is installed nevertheless, because an earlier undo may have
/// failed between these two actions. If another program has changed the native profile meanwhile, the profile
/// stays as it is, and a note is returned.
fn restore(host: &Host, facts: &BootFacts, to: &AbsPath) -> Result<Option<String>, Problem> {
    let stays = || {
        Some(format!("another program changed the boot default during the change; it stays: {NATIVE}/system"))
    };
    let native = Profile::read_in(host, NATIVE)?;
    let current = native.current.as_ref().map(|current| current.number);
    let has_ours = native.generation(facts.number).is_some_and(|own| own.closure == **to);
    let is_switched = current == Some(facts.number) && has_ours;
    if !is_switched && current != facts.default {
        if let Some(number) = facts.begun() {
            nixos::forget_created(host, number, to)?;
        }
        return Ok(stays());
    }
    let default = facts.default_generation();
    profile::switch_back(host, NATIVE, default.as_ref(), facts.begun().filter(|_| has_ours))?;
    let Some(system) = &facts.system else { return Ok(None) };
    let switched = nixos::switch(host, system, Action::Boot, Checks::Skip);
    // While the undo waited for another program, that program may have made its own system the boot default.
    let is_default = || {
        Profile::read_in(host, NATIVE)
            .is_ok_and(|native| native.current.map(|current| current.number) == facts.default)
    };
    if switched.is_err() && !is_default() {
        return Ok(stays());
    }
    switched.map(|()| None)
}

/// Activates the former system again. Returns a note if units of the former system failed, or if another
/// program has activated a third system meanwhile, or has made it the boot default before a restart.
///
/// # Errors
/// [`Code::System`] if the former system cannot be activated. While the host boots, nothing is activated. In
/// this case, fails with [`Code::Recovery`] unless the host has booted the former system. The next NixFleet
/// command on the host then activates the former system.
pub fn activation(
    host: &Host,
    step: &ActivateSystem,
    moment: UndoTime,
    journal: &Journal,
) -> Result<Option<String>, Problem> {
    let running = nixos::running(host);
    // If the host was restarted and still runs the former boot default that it booted, no program has
    // activated that system.
    let default = journal.systems().find_map(SystemEntry::boot_facts).and_then(|facts| facts.system.as_ref());
    let is_of_boot = journal.is_of_earlier_boot(host)
        && running == nixos::booted(host)
        && default.is_some_and(|default| running.as_ref() == Some(default));
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
                let is_third =
                    |running: &AbsPath| !is_of_boot && *running != step.from && *running != step.to;
                let third = nixos::running(host).filter(is_third)?;
                Some(format!("another program activated {third} during the change; it stays"))
            };
            if let Some(note) = third() {
                return Ok(Some(note));
            }
            let limit = nixos::LIMIT.max(step.timeout.map_or(Duration::ZERO, Duration::from_secs));
            let terms =
                Terms { checks: Checks::Skip, limit, tolerated: Tolerated::All, owners: Owners::Known };
            let ended = nixos::switch_on(host, &step.from, Action::Test, &terms);
            match ended {
                // The former system is active, although its activation reported a failure. The activation may
                // have failed in the same way before the change.
                Err(problem) if nixos::running(host).as_ref() == Some(&step.from) => {
                    Ok(Some(format!("the former NixOS system is active again, but: {problem}")))
                }
                // While the undo waited for another program, that program may have activated its own system.
                Err(problem) => third().map(Some).ok_or(problem),
                Ok(note) => Ok(note),
            }
        }
    }
}
