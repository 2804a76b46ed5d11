//! Whether what was started stays up: what ends at once, over a wrong configuration say, ends within moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::{Systemd, UnitState, verdict};
use crate::host::clock::Since;

/// How long a service that cannot say that it is ready has to stay up to count as started.
pub const FIRST_MOMENTS: Duration = Duration::from_millis(200);

/// Units that were started, and until when they have to show that they stay up.
#[derive(Debug)]
pub struct Watch {
    systemd: Option<Systemd>,
    units: BTreeMap<UnitName, Instant>,
    since: Since,
}

impl Watch {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(systemd: Option<Systemd>) -> Self {
        Self { systemd, units: BTreeMap::new(), since: Since::now() }
    }

    /// Watches a unit that has just been started. `settle` is how long it has to stay up, where something is
    /// said.
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

    /// Watches units that were started along with others. One call of `systemctl`, if there are any.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] where systemd does not answer.
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

    /// When the last of them has stayed up for long enough; nothing where that is so already.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.units.values().max().copied().filter(|due| *due > Instant::now())
    }

    /// Looks at all of them. One call of `systemctl`.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] or [`nixfleet_contract::problem::Code::RestartStorm`] for
    /// the first that did not stay up.
    pub fn look(&self) -> Result<(), Problem> {
        let Some(systemd) = self.systemd else { return Ok(()) };
        let units: Vec<&UnitName> = self.units.keys().collect();
        verdict::still_up(&systemd.show(&units)?, &units, self.since)
    }
}
