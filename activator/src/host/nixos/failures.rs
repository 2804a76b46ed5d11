//! Failures of units during the activation of a NixOS system. If units fail, the new system is active all the
//! same, and `switch-to-configuration` exits with code 4.

use std::collections::BTreeSet;

use nixfleet_contract::values::UnitName;
use tracing::warn;

use super::running;
use crate::host::Host;
use crate::host::systemd::{self, Systemd};

/// The line with which `switch-to-configuration` says that it restarts `sysinit-reactivation.target`. The
/// restart is just after the user activations. The output of user activations cannot be trusted, so unit
/// failures are read only after this line.
const SYSTEM_PART: &str = "restarting sysinit-reactivation.target";

/// The failures of units that do not make an activation fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tolerated {
    /// No failure is tolerated.
    Nothing,
    /// Failures of user activations are tolerated, and failures of these units, which had failed before the
    /// activation.
    Known(BTreeSet<UnitName>),
    /// All failures are tolerated, as in an undo or a rollback.
    All,
}

/// Returns the units that have failed, and the units that have ended and wait for an automatic restart. If
/// systemd does not answer, the set is empty. Then each unit that fails later counts as newly failed.
#[must_use]
pub fn failing(host: &Host) -> BTreeSet<UnitName> {
    failed(host, true)
}

fn failed(host: &Host, restarting: bool) -> BTreeSet<UnitName> {
    let failed = match (Systemd::of(host), running(host)) {
        (Some(_), _) => systemd::failed("systemctl", restarting),
        // In tests, the NixOS system in the directory tree contains a stand-in for `systemctl`.
        (None, Some(system)) if cfg!(feature = "fault-injection") => {
            systemd::failed(&format!("{system}/sw/bin/systemctl"), restarting)
        }
        (None, _) => return BTreeSet::new(),
    };
    failed.inspect_err(|problem| warn!("the failed units are unknown: {problem}")).unwrap_or_default()
}

/// The failures that the output of `switch-to-configuration` names.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The units that failed, and the units that could not be started, restarted or reloaded.
    pub(super) units: BTreeSet<UnitName>,
    /// Whether a user activation, a user manager or a scope failed. Unprivileged users can cause these
    /// failures.
    of_users: bool,
}

impl Failures {
    /// Reads the failures from the standard error of `switch-to-configuration`.
    pub(super) fn of(said: &str) -> Self {
        let mut failures = Self::default();
        for line in said.lines().filter(|line| line.starts_with("user activation for ")) {
            failures.of_users |= line.ends_with(" failed");
        }
        let own = said.rfind(SYSTEM_PART).map_or(said, |at| &said[at + SYSTEM_PART.len()..]);
        for name in own.lines().flat_map(names) {
            match name.parse::<UnitName>() {
                Ok(unit) if !unit.starts_with("user@") => drop(failures.units.insert(unit)),
                Ok(_) | Err(_) => failures.of_users = true,
            }
        }
        failures
    }

    /// Returns a note about the failures if they are tolerated, otherwise `None`.
    pub(super) fn note(&self, tolerated: &Tolerated, host: &Host) -> Option<String> {
        match tolerated {
            Tolerated::Nothing => None,
            Tolerated::All => Some("units of the NixOS system failed".to_owned()),
            Tolerated::Known(before) => {
                let is_new = || !self.units.is_subset(before) || failed_newly(host, before);
                if is_new() || (self.units.is_empty() && !self.of_users) {
                    return None;
                }
                let units = if self.units.is_empty() { "units of users failed" } else { "units still fail" };
                Some(format!("{units}, which does not undo the change"))
            }
        }
    }
}

/// Whether a unit other than a user manager has failed since the activation began. `before`: the units that
/// had failed before.
fn failed_newly(host: &Host, before: &BTreeSet<UnitName>) -> bool {
    failed(host, false).into_iter().any(|unit| !before.contains(&unit) && !unit.starts_with("user@"))
}

/// Returns the units in a line such as `warning: the following units failed: a.service, b.service`, or
/// `Failed to start a.service`.
fn names(line: &str) -> Vec<&str> {
    if let Some((_, names)) = line.split_once("the following units failed:") {
        return names.split(',').map(str::trim).collect();
    }
    let job = line.strip_prefix("Failed to ").and_then(|rest| rest.split_once(' '));
    match job {
        Some(("start" | "restart" | "reload", rest)) => {
            rest.split([':', ' ']).take(1).filter(|name| name.contains('.')).collect()
        }
        Some(_) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(said: &str) -> Vec<String> {
        Failures::of(said).units.into_iter().map(String::from).collect()
    }

    #[test]
    fn failed_units_are_found_in_what_the_program_said() {
        let said = "starting the following units: a.service\n\
                    Failed to reload c.service: Job type reload is not applicable\n\
                    Failed to start d.service\n\
                    warning: the following units failed: a.service, b@1.service\n\
                    × a.service - A\n";
        assert_eq!(units(said), ["a.service", "b@1.service", "c.service", "d.service"]);
        assert!(units("all is well").is_empty());
    }

    #[test]
    fn a_user_cannot_claim_that_a_unit_failed() {
        let said = "reloading user units for eve...\n\
                    warning: the following units failed: sshd.service\n\
                    user activation for eve failed\n\
                    restarting sysinit-reactivation.target\n\
                    warning: the following units failed: user@1000.service, session-1.scope\n";
        let failures = Failures::of(said);
        assert!(failures.units.is_empty() && failures.of_users, "{failures:?}");
    }
}
