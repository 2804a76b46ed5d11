//! Undo for units: stop them while their new files are still there, and start them again with the old files.

use std::collections::BTreeMap;
use std::thread;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::bystanders::{Bystanders, Missing};
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::family::units::execute::declaration;
use crate::engine::state::State;
use crate::engine::transaction::journal::{self, Journal, JournalPhase};
use crate::engine::transaction::undo::UndoTime;
use crate::host::Host;
use crate::host::systemd::{FIRST_MOMENTS, Job, Systemd, UnitState, Verb};

/// No declared units: the undo does not need them.
static UNKNOWN: BTreeMap<UnitName, Unit> = BTreeMap::new();

/// Records in the journal which units the change stopped together with others, while the new files are still
/// there: with the old ones, systemd no longer knows a `Conflicts=` that came with the change. Returns the
/// journal if it changed, and what failed.
pub(in crate::engine) fn note_stopped(
    host: &Host,
    journal: &Journal,
    moment: UndoTime,
) -> (Option<Journal>, Option<Problem>) {
    let runs = moment == UndoTime::Running && journal.phase == JournalPhase::Swapping;
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
    // For a run that resumes the undo after an interruption. Ignore errors: the disk may be full, and the
    // undo may free it.
    let _ = host.write_record(journal::RECORD, &noted);
    (Some(noted), None)
}

pub(in crate::engine) struct Units<'a> {
    host: &'a Host,
    journal: &'a Journal,
    systemd: Systemd,
}

/// The result of bringing units back.
#[derive(Default)]
pub(in crate::engine) struct BringUpResult {
    /// Failures.
    pub(in crate::engine) failures: Vec<Problem>,
    /// Units outside of the transaction that ran before and do not come back.
    pub(in crate::engine) notes: Vec<String>,
}

impl<'a> Units<'a> {
    /// `None` on a host without systemd.
    pub(in crate::engine) fn of(host: &'a Host, journal: &'a Journal) -> Option<Self> {
        Systemd::of(host).map(|systemd| Self { host, journal, systemd })
    }

    /// Stops units before the old files are back. Returns failures.
    pub(in crate::engine) fn stop(&self, moment: UndoTime) -> Vec<Problem> {
        match moment {
            UndoTime::Running => self.stop_started(),
            UndoTime::Booting => {
                self.cancel_starts();
                Vec::new()
            }
        }
    }

    /// Makes systemd read the old files again. Returns a failure. While the host boots, `boot_on` does that.
    pub(in crate::engine) fn reread(&self, moment: UndoTime) -> Option<Problem> {
        let reads = moment == UndoTime::Running && self.journal.reloads_daemon();
        if reads { self.systemd.daemon_reload().err() } else { None }
    }

    /// Brings units back, once systemd has read the old files.
    pub(in crate::engine) fn bring_back(&self, moment: UndoTime) -> BringUpResult {
        match moment {
            UndoTime::Running => self.bring_up(),
            UndoTime::Booting => BringUpResult { failures: self.boot_on(), notes: Vec::new() },
        }
    }

    /// Units and their earlier states, each once.
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

    /// Stops the units that the change started, while their unit files are still there.
    fn stop_started(&self) -> Vec<Problem> {
        let mut failures = Vec::new();
        let now = self.now(&mut failures);
        let up = |unit: &UnitName| now.get(unit).is_some_and(|state| state.is_up() || state.is_failed());
        // The old text may refuse a stop that the new one allows.
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

    /// Cancels the starts of changed units that systemd has queued.
    fn cancel_starts(&self) {
        let units: Vec<&UnitName> = self.all().into_iter().map(|(_, unit, _)| unit).collect();
        // A unit that systemd does not know is no error: the others are cancelled anyway.
        let _ = self.systemd.queue(Verb::Stop, &units);
    }

    /// Makes systemd decide again, with the old files, what to start at this boot.
    fn boot_on(&self) -> Vec<Problem> {
        let decided = self.systemd.daemon_reload().and_then(|()| self.systemd.boot_on());
        decided.err().into_iter().collect()
    }

    /// Starts, with the old files, the units that ran before and were stopped or restarted since.
    fn bring_up(&self) -> BringUpResult {
        let mut failures = Vec::new();
        let now = self.now(&mut failures);
        let mut jobs: Vec<(Verb, &UnitName)> = Vec::new();
        for (verb, unit, before) in self.all().into_iter().filter(|(_, _, before)| before.is_up()) {
            let state = now.get(unit);
            match (is_same(state, before), verb) {
                (true, Verb::Reload) => jobs.push((Verb::Reload, unit)),
                (true, _) => {}
                // A unit that is down can be started even if it refuses to be stopped.
                (false, _) if state.is_some_and(UnitState::is_up) => jobs.push((Verb::Restart, unit)),
                (false, _) => jobs.push((Verb::Start, unit)),
            }
        }
        // The generation that comes back defines the time limits.
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
                start_limit: declaration(&units, unit).and_then(Unit::start_limit),
            });
            failures.extend(self.systemd.carry_out(&jobs.collect::<Vec<_>>()).err());
        }
        // Last, when their dependencies are up again.
        let mut notes = Vec::new();
        let bystanders = Bystanders::of(self.host, self.journal, &units);
        match bystanders.map_or_else(|| Ok(Vec::new()), |bystanders| bring_back(&bystanders)) {
            Ok(missing) => notes.extend(missing.iter().map(Missing::note)),
            Err(problem) => failures.push(problem),
        }
        BringUpResult { failures, notes }
    }
}

/// Starts the units that stopped together with others. Returns those that do not come back, or that end at
/// once.
fn bring_back(bystanders: &Bystanders<'_>) -> Result<Vec<Missing>, Problem> {
    let (_, mut missing) = bystanders.bring_back()?;
    thread::sleep(FIRST_MOMENTS);
    missing.extend(bystanders.ended_since(&missing)?);
    Ok(missing)
}

/// Whether a unit is up as before, and has not been started since.
fn is_same(now: Option<&UnitState>, before: &UnitState) -> bool {
    now.is_some_and(|now| now.is_up() && now.invocation == before.invocation)
}
