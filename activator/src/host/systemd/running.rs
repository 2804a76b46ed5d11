//! What runs on a host, and what systemd starts and stops together with it.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::{Systemd, UnitState, query};

/// Units that are up, each with its `ActiveState`.
pub type Running = BTreeMap<UnitName, String>;

impl Systemd {
    /// Lists every unit that is up. Scopes are left out: they come and go with logins.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] where systemd does not answer.
    pub fn running(self) -> Result<Running, Problem> {
        let states = "--state=active,activating,reloading,refreshing";
        let words = ["list-units", "--plain", "--full", "--no-legend", "--no-pager", states];
        Ok(parse(&query(&words, &[])?.stdout))
    }

    /// Finds the running units that systemd stops when it starts or stops some units: those that depend on
    /// them or conflict with them, and those that depend on these in turn.
    ///
    /// # Errors
    /// As [`Systemd::running`].
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

    /// Finds the units among some that systemd starts together with others, or after these failed.
    ///
    /// # Errors
    /// As [`Systemd::running`].
    pub fn pulled_in<'a>(
        self,
        roots: impl Iterator<Item = &'a UnitState>,
        among: &BTreeSet<UnitName>,
    ) -> Result<BTreeSet<UnitName>, Problem> {
        self.reach(roots, |state| {
            state.pulls_in.iter().filter(|unit| among.contains(*unit)).cloned().collect()
        })
    }

    /// Goes from unit to unit. One call of `systemctl` for all that are equally far away; none where nothing
    /// is near.
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

/// Lines of unit, load state, active state and more.
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
