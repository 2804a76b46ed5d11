//! The running units of a host, and the units that systemd starts and stops along with other units.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::{Systemd, UnitState, ask, query};

/// Units with their `ActiveState`.
pub type Running = BTreeMap<UnitName, String>;

impl Systemd {
    /// Lists all running units except scopes, which are created and removed with logins.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not respond.
    pub fn running(self) -> Result<Running, Problem> {
        list("active,activating,reloading,refreshing")
    }

    /// Lists all units that are not inactive, such as running and failed units, except scopes.
    ///
    /// # Errors
    /// Fails in the same cases as [`Systemd::running`].
    pub fn not_inactive(self) -> Result<Running, Problem> {
        list("active,activating,deactivating,failed,maintenance,reloading,refreshing")
    }

    /// Whether the host has booted far enough that units may be started.
    #[must_use]
    pub fn has_booted(self) -> bool {
        let states = query(&["is-active", "sysinit.target"], &[]);
        states.is_ok_and(|finished| finished.stdout.trim() == "active")
    }

    /// Finds the running units that systemd stops when it starts or stops the given units. These are the
    /// running units that depend on a given unit or conflict with a given unit, directly or indirectly.
    ///
    /// # Errors
    /// Fails in the same cases as [`Systemd::running`].
    pub fn stopped_along<'a>(
        self,
        roots: impl Iterator<Item = &'a UnitState>,
        running: &Running,
    ) -> Result<BTreeSet<UnitName>, Problem> {
        self.reach(roots, |state| {
            let names = state.stop_along.iter().chain(&state.conflicts);
            names.filter(|unit| running.contains_key(*unit)).cloned().collect()
        })
    }

    /// Finds the units in `among` that systemd starts along with the given units, or after the given units
    /// fail.
    ///
    /// # Errors
    /// Fails in the same cases as [`Systemd::running`].
    pub fn pulled_in<'a>(
        self,
        roots: impl Iterator<Item = &'a UnitState>,
        among: &BTreeSet<UnitName>,
    ) -> Result<BTreeSet<UnitName>, Problem> {
        self.reach(roots, |state| {
            state.pulls_in.iter().filter(|unit| among.contains(*unit)).cloned().collect()
        })
    }

    /// Finds all units that can be reached from the roots through `neighbours`. Units at the same distance
    /// are queried with one call of `systemctl`.
    fn reach<'a>(
        self,
        roots: impl Iterator<Item = &'a UnitState>,
        neighbours: impl Fn(&UnitState) -> Vec<UnitName>,
    ) -> Result<BTreeSet<UnitName>, Problem> {
        let mut found = BTreeSet::new();
        let mut next: BTreeSet<UnitName> = roots.flat_map(&neighbours).collect();
        while !next.is_empty() {
            let states = self.show(&next.iter().collect::<Vec<_>>())?;
            found.append(&mut next);
            next = states.values().flat_map(&neighbours).filter(|unit| !found.contains(unit)).collect();
        }
        Ok(found)
    }
}

/// Lists the units that have failed. With `restarting`, the list includes the units that have ended and wait
/// for an automatic restart. `systemctl`: the program that lists the units.
///
/// # Errors
/// Fails in the same cases as [`Systemd::running`].
pub fn failed(systemctl: &str, restarting: bool) -> Result<BTreeSet<UnitName>, Problem> {
    let states = if restarting { "failed,auto-restart" } else { "failed" };
    Ok(list_by(systemctl, states)?.into_keys().collect())
}

/// Lists the units in the given states, such as `active,failed`.
fn list(states: &str) -> Result<Running, Problem> {
    list_by("systemctl", states)
}

fn list_by(systemctl: &str, states: &str) -> Result<Running, Problem> {
    let states = format!("--state={states}");
    let words = [systemctl, "list-units", "--plain", "--full", "--no-legend", "--no-pager", &states];
    Ok(parse(&ask(&words)?.stdout))
}

/// Parses the output of `systemctl list-units`: lines that start with unit, load state and active state.
fn parse(text: &str) -> Running {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let unit = words.next()?.parse().ok()?;
        Some((unit, words.nth(1)?.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_that_is_up_is_listed_but_for_scopes() {
        let text = "web.service       loaded    active     running  The web\n\
                    session-1.scope   loaded    active     running  Session 1\n\
                    gone.socket       not-found activating start    gone.socket\n";
        let running: Vec<_> =
            parse(text).into_iter().map(|(unit, state)| format!("{unit} {state}")).collect();
        assert_eq!(running, ["gone.socket activating", "web.service active"]);
    }
}
