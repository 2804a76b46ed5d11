//! Starts, stops, restarts and reloads units, waits for the result and checks it.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::order::{self, JobPhase};
use super::verb::Verb;
use super::wiring::{self, Wire};
use super::{Systemd, UnitState, no_answer, systemctl, verdict};
use crate::host::clock::Since;
use crate::host::command;

/// The time to wait for jobs that systemd starts by itself. It equals systemd's own default time limit for a
/// start.
const AT_REST_LIMIT: Duration = Duration::from_secs(90);

/// A job: one action on one unit.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The action.
    pub verb: Verb,
    /// The unit.
    pub unit: &'a UnitName,
    /// The time limit for the start of the unit. `None` means the limit of systemd, plus a margin.
    pub start_limit: Option<Duration>,
}

impl Systemd {
    /// Performs the same action on several units and waits for the result.
    ///
    /// # Errors
    /// Fails in the same cases as [`Systemd::carry_out`].
    pub fn job(self, verb: Verb, units: &[&UnitName]) -> Result<(), Problem> {
        let jobs: Vec<Job<'_>> = units.iter().map(|unit| Job { verb, unit, start_limit: None }).collect();
        self.carry_out(&jobs).map(drop)
    }

    /// Carries out jobs in the order that systemd's dependencies require, and waits until each unit is in a
    /// stable state. Returns these states. The actions of the jobs must be compatible, see
    /// [`Verb::goes_with`].
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] or
    /// [`nixfleet_contract::problem::Code::RestartStorm`] for the first unit that did not reach the expected
    /// state. The problem contains the last log messages of that unit.
    pub fn carry_out(self, jobs: &[Job<'_>]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let units: Vec<&UnitName> = jobs.iter().map(|job| job.unit).collect();
        let mut states = BTreeMap::new();
        if units.is_empty() {
            return Ok(states);
        }
        let since = Since::now();
        let wires = wiring::of(&units)?;
        if jobs.iter().any(|job| job.verb.brings_up()) {
            self.reset_failed(&units);
        }
        let verbs: Vec<(Verb, &UnitName)> = jobs.iter().map(|job| (job.verb, job.unit)).collect();
        let limits = jobs.iter().filter_map(|job| Some((job.unit, job.start_limit?))).collect();
        for phase in order::phases(&verbs, &wires) {
            states.extend(self.run(&phase, &wires, &limits, since)?);
        }
        if jobs.iter().any(|job| job.verb == Verb::Stop) {
            // A service that was killed while it stopped counts as failed. Without a reset, systemd would
            // keep listing the service even after the unit file is removed.
            self.reset_failed(&units);
        }
        Ok(states)
    }

    fn run(
        self,
        phase: &JobPhase<'_>,
        wires: &BTreeMap<&UnitName, Wire>,
        limits: &BTreeMap<&UnitName, Duration>,
        since: Since,
    ) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let known = phase.units.iter().filter_map(|unit| Some((unit, wires.get(unit)?)));
        // In the worst case, systemd processes the units one at a time.
        let limit = known.clone().map(|(unit, wire)| limit(phase.verb, wire, limits.get(unit)));
        let limit = limit.fold(Duration::ZERO, Duration::saturating_add);
        let argv = systemctl(&["--no-ask-password", phase.verb.as_str(), "--"], &phase.units);
        let finished = command::run(&argv, limit).map_err(|error| no_answer(&error))?;
        if finished.status.is_none() {
            let states = self.show(&phase.units)?;
            return Err(verdict::late(phase, &states, limit, since));
        }
        let stop_limit = known.map(|(_, wire)| wire.stop_limit()).max().unwrap_or_default();
        let states = self.settle(&phase.units, stop_limit)?;
        verdict::judge(phase, &states, &finished, since)?;
        Ok(states)
    }

    /// Waits until no unit is between two states. A oneshot service counts as between two states while its
    /// work runs.
    fn settle(self, units: &[&UnitName], limit: Duration) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        self.wait(units, limit, UnitState::is_moving)
    }

    /// Waits until systemd has finished the jobs that it started by itself, and returns the states of the
    /// units.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not respond.
    pub fn at_rest(self, units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        self.wait(units, AT_REST_LIMIT, |state| state.has_job || state.is_moving())
    }

    fn wait(
        self,
        units: &[&UnitName],
        limit: Duration,
        is_moving: impl Fn(&UnitState) -> bool,
    ) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let deadline = Instant::now() + limit;
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
        loop {
            let states = self.show(units)?;
            let moving = units.iter().filter_map(|unit| states.get(*unit)).any(&is_moving);
            if !moving || Instant::now() >= deadline {
                return Ok(states);
            }
            thread::sleep(backoff.pause());
        }
    }
}

/// Returns how long to wait for one unit. `own` is the start limit of the job, if it has one.
fn limit(verb: Verb, wire: &Wire, own: Option<&Duration>) -> Duration {
    let start = own.copied().unwrap_or_else(|| wire.start_limit());
    match verb {
        Verb::Stop => wire.stop_limit(),
        Verb::Restart if wire.is_up => start.saturating_add(wire.stop_limit()),
        Verb::Start | Verb::Restart | Verb::Reload => start,
    }
}
