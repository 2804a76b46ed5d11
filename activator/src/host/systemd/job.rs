//! Has systemd start, stop, restart and reload units, waits for it, and reads how it went.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::order::{self, JobPhase};
use super::verb::Verb;
use super::wiring::{self, Wire};
use super::{Systemd, UnitState, no_answer, systemctl, verdict};
use crate::host::clock::Since;
use crate::host::command;

/// How long to wait for what systemd does by itself: its own default for a start.
const AT_REST_LIMIT: Duration = Duration::from_secs(90);

/// One thing that is done to one unit.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What is done.
    pub verb: Verb,
    /// To which unit.
    pub unit: &'a UnitName,
    /// How long to wait for its start; as long as systemd itself does, where nothing is said.
    pub start_limit: Option<Duration>,
}

impl Systemd {
    /// Does one thing to several units.
    ///
    /// # Errors
    /// As [`Systemd::carry_out`].
    pub fn job(self, verb: Verb, units: &[&UnitName]) -> Result<(), Problem> {
        let jobs: Vec<Job<'_>> = units.iter().map(|unit| Job { verb, unit, start_limit: None }).collect();
        self.carry_out(&jobs).map(drop)
    }

    /// Carries jobs out that go together, in the order that systemd's dependencies ask for, and waits until
    /// each unit is settled. Returns how they stand then.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] or [`nixfleet_contract::problem::Code::RestartStorm`] for
    /// the first unit that did not get where it should, with its last messages.
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
            // Work that was cut short counts as failed, and would stay in systemd's list without its file.
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
        // One after the other, in the worst case.
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

    /// Waits until no unit is in between two states: what runs behind a oneshot counts for it, too.
    fn settle(self, units: &[&UnitName], limit: Duration) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        self.wait(units, limit, UnitState::is_moving)
    }

    /// Waits until systemd has done to units what it set out to do by itself, and tells how they stand then.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] where systemd does not answer.
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
        let mut pause = Duration::from_millis(20);
        loop {
            let states = self.show(units)?;
            let moving = units.iter().filter_map(|unit| states.get(*unit)).any(&is_moving);
            if !moving || Instant::now() >= deadline {
                return Ok(states);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }
}

/// How long to wait for one unit.
fn limit(verb: Verb, wire: &Wire, own: Option<&Duration>) -> Duration {
    let start = own.copied().unwrap_or_else(|| wire.start_limit());
    match verb {
        Verb::Stop => wire.stop_limit(),
        Verb::Restart if wire.is_up => start.saturating_add(wire.stop_limit()),
        Verb::Start | Verb::Restart | Verb::Reload => start,
    }
}
