//! Checks that started units stay up. A unit with an invalid configuration, for example, starts and then
//! fails within moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::{Systemd, UnitState, verdict};
use crate::host::clock::Since;

/// The time for which a service without readiness notification must stay up to count as started.
pub const FIRST_MOMENTS: Duration = Duration::from_millis(200);

/// Started units, each with the time until which it must stay up.
#[derive(Debug)]
pub struct Watch {
    systemd: Option<Systemd>,
    units: BTreeMap<UnitName, Instant>,
    since: Since,
}

impl Watch {
    /// Creates a watch without units.
    #[must_use]
    pub fn new(systemd: Option<Systemd>) -> Self {
        Self { systemd, units: BTreeMap::new(), since: Since::now() }
    }

    /// Adds a unit that has just been started. `settle` is the time for which the unit must stay up. Without
    /// `settle`, the type of the service decides.
    pub fn add(&mut self, unit: &UnitName, state: &UnitState, settle: Option<Duration>) {
        let mute = matches!(state.service_type.as_str(), "simple" | "exec" | "idle" | "forking");
        let settle = match settle {
            _ if state.is_oneshot() => Duration::ZERO,
            Some(settle) => settle,
            None if mute => FIRST_MOMENTS,
            None => Duration::ZERO,
        };
        self.units.insert(unit.clone(), Instant::now() + settle);
    }

    /// Adds units that systemd started along with other units. The states of the added units are queried with
    /// one call of `systemctl`.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not respond.
    pub fn add_all<'u>(
        &mut self,
        units: impl Iterator<Item = (&'u UnitName, Option<Duration>)>,
    ) -> Result<(), Problem> {
        let settle: BTreeMap<&UnitName, Option<Duration>> = units.collect();
        let Some(systemd) = self.systemd else { return Ok(()) };
        let states = systemd.show(&settle.keys().copied().collect::<Vec<_>>())?;
        for (unit, settle) in settle {
            self.add(unit, &states.get(unit).cloned().unwrap_or_default(), settle);
        }
        Ok(())
    }

    /// Returns the latest of the times until which units must stay up, or `None` if that time has passed.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.units.values().max().copied().filter(|due| *due > Instant::now())
    }

    /// Checks all units with one call of `systemctl`.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] or
    /// [`nixfleet_contract::problem::Code::RestartStorm`] for the first unit that did not stay up.
    pub fn look(&self) -> Result<(), Problem> {
        let Some(systemd) = self.systemd else { return Ok(()) };
        let units: Vec<&UnitName> = self.units.keys().collect();
        verdict::still_up(&systemd.show(&units)?, &units, self.since)
    }
}
