//! The units of a transaction that is undone: stopped while their new files still stand, brought back with the old ones.

use std::collections::BTreeMap;
use std::thread;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::bystanders::{Bystanders, Missing};
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::state::State;
use crate::engine::transaction::execute::wanted;
use crate::engine::transaction::journal::{self, Journal, Phase};
use crate::engine::transaction::undo::Moment;
use crate::host::Host;
use crate::host::systemd::{FIRST_MOMENTS, Job, Systemd, UnitState, Verb};

/// Nothing is known of what is declared, nor asked for.
static UNKNOWN: BTreeMap<UnitName, Unit> = BTreeMap::new();

/// Notes in the journal what the change stopped along, while the new files say it: with the old ones systemd knows no more
/// of a `Conflicts=` that came with the change. Returns the journal where there was something to note, and what failed.
pub(in crate::engine) fn note_stopped(
    host: &Host,
    journal: &Journal,
    moment: Moment,
) -> (Option<Journal>, Option<Problem>) {
    let runs = moment == Moment::Running && journal.phase == Phase::Swapping;
    let Some(bystanders) = Bystanders::of(host, journal, &UNKNOWN).filter(|_| runs) else {
        return (None, None);
    };
    let stopped = match bystanders.stopped() {
        Ok(stopped) => stopped,
        Err(problem) => return (None, Some(problem)),
    };
    let mut noted = journal.clone();
    let Some(before) = noted.before_units.as_mut().filter(|before| !stopped.is_subset(&before.along)) else {
        return (None, None);
    };
    before.along.extend(stopped);
    // For whoever goes on where this is interrupted. It may be the lack of room that is undone.
    let _ = host.write_record(journal::RECORD, &noted);
    (Some(noted), None)
}

pub(in crate::engine) struct Units<'a> {
    host: &'a Host,
    journal: &'a Journal,
    systemd: Systemd,
}

/// How bringing units back went.
#[derive(Default)]
pub(in crate::engine) struct Back {
    /// What failed.
    pub(in crate::engine) failures: Vec<Problem>,
    /// What ran before, is no part of the transaction, and does not come back.
    pub(in crate::engine) notes: Vec<String>,
}

impl<'a> Units<'a> {
    /// Those of a host that has systemd.
    pub(in crate::engine) fn of(host: &'a Host, journal: &'a Journal) -> Option<Self> {
        Systemd::of(host).map(|systemd| Self { host, journal, systemd })
    }

    /// Before the old files are back. Returns what failed.
    pub(in crate::engine) fn stop(&self, moment: Moment) -> Vec<Problem> {
        match moment {
            Moment::Running => self.stop_started(),
            Moment::Booting => {
                self.call_off();
                Vec::new()
            }
        }
    }

    /// Once the old files are back. Returns what failed. While the host boots, systemd reads them when it decides again.
    pub(in crate::engine) fn reread(&self, moment: Moment) -> Option<Problem> {
        let reads = moment == Moment::Running && self.journal.reloads_daemon();
        if reads { self.systemd.daemon_reload().err() } else { None }
    }

    /// With the old files, which systemd has read.
    pub(in crate::engine) fn bring_back(&self, moment: Moment) -> Back {
        match moment {
            Moment::Running => self.bring_up(),
            Moment::Booting => Back { failures: self.boot_on(), notes: Vec::new() },
        }
    }

    /// Units and how they were, each once.
    fn all(&self) -> Vec<(Verb, &'a UnitName, &'a UnitState)> {
        let units = self.journal.units().filter_map(|entry| match entry {
            UnitEntry::Job { verb, job, before } => Some((*verb, &job.unit, &**before)),
            UnitEntry::DaemonReload => None,
        });
        units.collect()
    }

    fn now(&self, failures: &mut Vec<Problem>) -> BTreeMap<UnitName, UnitState> {
        let names: Vec<&UnitName> = self.all().into_iter().map(|(_, unit, _)| unit).collect();
        self.systemd.show(&names).unwrap_or_else(|problem| {
            failures.push(problem);
            BTreeMap::default()
        })
    }

    /// Stops what was started, while its unit file still stands.
    fn stop_started(&self) -> Vec<Problem> {
        let mut failures = Vec::new();
        let now = self.now(&mut failures);
        let up = |unit: &UnitName| now.get(unit).is_some_and(|state| state.is_up() || state.is_failed());
        // Its old text may refuse a stop that the new one allows.
        let refuses =
            |unit: &UnitName, before: &UnitState| before.refuses.stop && !is_same(now.get(unit), before);
        let units: Vec<&UnitName> = self
            .all()
            .into_iter()
            .filter(|(_, unit, before)| up(unit) && (!before.is_up() || refuses(unit, before)))
            .map(|(_, unit, _)| unit)
            .collect();
        failures.extend(self.systemd.job(Verb::Stop, &units).err());
        let bystanders = Bystanders::of(self.host, self.journal, &UNKNOWN);
        failures.extend(bystanders.and_then(|bystanders| bystanders.stop_newcomers().err()));
        failures
    }

    /// Takes the units of the change out of what systemd is about to start.
    fn call_off(&self) {
        let units: Vec<&UnitName> = self.all().into_iter().map(|(_, unit, _)| unit).collect();
        // A unit that systemd does not know need not be called off; it takes the others all the same.
        let _ = self.systemd.queue(Verb::Stop, &units);
    }

    /// Has systemd decide again, with the old files, what this boot starts.
    fn boot_on(&self) -> Vec<Problem> {
        let decided = self.systemd.daemon_reload().and_then(|()| self.systemd.boot_on());
        decided.err().into_iter().collect()
    }

    /// Starts again, with the old files, what ran before and was stopped or started anew meanwhile.
    fn bring_up(&self) -> Back {
        let mut failures = Vec::new();
        let now = self.now(&mut failures);
        let mut jobs: Vec<(Verb, &UnitName)> = Vec::new();
        for (verb, unit, before) in self.all().into_iter().filter(|(_, _, before)| before.is_up()) {
            let state = now.get(unit);
            match (is_same(state, before), verb) {
                (true, Verb::Reload) => jobs.push((Verb::Reload, unit)),
                (true, _) => {}
                // What is down can be started though it refuses to be stopped.
                (false, _) if state.is_some_and(UnitState::is_up) => jobs.push((Verb::Restart, unit)),
                (false, _) => jobs.push((Verb::Start, unit)),
            }
        }
        // How long they may take is what the generation says that comes back.
        let units = match State::read(self.host) {
            Ok((state, _)) => state.units,
            Err(problem) => {
                failures.push(problem);
                BTreeMap::default()
            }
        };
        for together in [Verb::Restart, Verb::Reload] {
            let jobs = jobs.iter().filter(|(verb, _)| verb.goes_with(together)).map(|(verb, unit)| Job {
                verb: *verb,
                unit,
                start_limit: wanted(&units, unit).and_then(Unit::start_limit),
            });
            failures.extend(self.systemd.carry_out(&jobs.collect::<Vec<_>>()).err());
        }
        // Only now: what they depend on is up again.
        let mut notes = Vec::new();
        let bystanders = Bystanders::of(self.host, self.journal, &units);
        match bystanders.map_or_else(|| Ok(Vec::new()), |bystanders| bring_back(&bystanders)) {
            Ok(missing) => notes.extend(missing.iter().map(Missing::note)),
            Err(problem) => failures.push(problem),
        }
        Back { failures, notes }
    }
}

/// Starts what was stopped along. Returns what does not come back, or ends at once.
fn bring_back(bystanders: &Bystanders<'_>) -> Result<Vec<Missing>, Problem> {
    let (_, mut missing) = bystanders.bring_back()?;
    thread::sleep(FIRST_MOMENTS);
    missing.extend(bystanders.ended_since(&missing)?);
    Ok(missing)
}

/// Whether a unit is up as it was, and has not been started since.
fn is_same(now: Option<&UnitState>, before: &UnitState) -> bool {
    now.is_some_and(|now| now.is_up() && now.invocation == before.invocation)
}
