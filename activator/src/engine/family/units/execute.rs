//! Executes steps on units: starts, stops, restarts and reloads units.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use crate::host::Host;
use crate::host::systemd::{Job, Systemd, Verb, Watch};

/// Executes the unit steps of a transaction.
pub struct UnitChanges<'a> {
    /// The units in the manifest.
    declared: &'a BTreeMap<UnitName, Unit>,
    systemd: Option<Systemd>,
    /// The units that the transaction has started, for the check that these units stay up.
    pub watch: Watch,
}

impl<'a> UnitChanges<'a> {
    /// Creates an executor for this host. If systemd does not run on the host, the executor does nothing.
    #[must_use]
    pub fn new(host: &Host, declared: &'a BTreeMap<UnitName, Unit>) -> Self {
        let systemd = Systemd::of(host);
        Self { declared, systemd, watch: Watch::new(systemd) }
    }

    /// Makes systemd reload its unit files.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`].
    pub fn daemon_reload(&self) -> Result<(), Problem> {
        self.systemd.map_or(Ok(()), Systemd::daemon_reload)
    }

    /// Executes several jobs. All jobs are passed to systemd together, because systemd determines their
    /// order.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`].
    pub fn perform(&mut self, jobs: &[(Verb, &UnitName)]) -> Result<(), Problem> {
        let Some(systemd) = self.systemd else { return Ok(()) };
        let declared = self.declared;
        let with_limits: Vec<Job<'_>> = jobs
            .iter()
            .map(|(verb, unit)| Job {
                verb: *verb,
                unit,
                start_limit: declaration(declared, unit).and_then(Unit::start_limit),
            })
            .collect();
        let states = systemd.carry_out(&with_limits)?;
        for (_, unit) in jobs.iter().filter(|(verb, _)| verb.brings_up()) {
            let settle = declaration(declared, unit).and_then(Unit::settle);
            self.watch.add(unit, &states.get(*unit).cloned().unwrap_or_default(), settle);
        }
        Ok(())
    }
}

/// Returns the declaration of a unit. If the unit has no declaration, returns the declaration of its
/// template.
#[must_use]
pub fn declaration<'u>(declared: &'u BTreeMap<UnitName, Unit>, unit: &UnitName) -> Option<&'u Unit> {
    declared.get(unit).or_else(|| declared.get(&unit.template()?))
}
