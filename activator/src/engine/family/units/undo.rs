//! Undoes steps on units: stops units before their old files are restored, and starts them again afterwards.

use std::collections::BTreeMap;
use std::thread;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::bystanders::{Bystanders, Missing};
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::family::units::execute::declaration;
use crate::engine::state::State;
use crate::engine::transaction::journal::{self, Journal};
use crate::engine::transaction::undo::UndoTime;
use crate::host::Host;
use crate::host::systemd::{FIRST_MOMENTS, Job, Systemd, UnitState, Verb};

/// An empty set of declared units, for calls in the undo that do not need the declarations.
static UNKNOWN: BTreeMap<UnitName, Unit> = BTreeMap::new();

/// Records in the journal which units the change has stopped indirectly. The activation of a NixOS system may
/// have stopped any unit. This must happen while the new files
/// are still in place: after the old files have been restored, systemd does not know a `Conflicts=` that the
/// change added. Returns the journal if it has changed, and the problem if systemd could not be queried.
pub(in crate::engine) fn note_stopped(
    host: &Host,
    journal: &Journal,
    moment: UndoTime,
) -> (Option<Journal>, Option<Problem>) {
    let runs = moment == UndoTime::Running && journal.has_swapped();
    let Some(bystanders) = Bystanders::of(host, journal, &UNKNOWN).filter(|_| runs) else {
        return (None, None);
    };
    let mut stopped = match bystanders.stopped() {
        Ok(stopped) => stopped,
        Err(problem) => return (None, Some(problem)),
    };
    if journal.activation().is_some() {
        stopped.extend(journal.before_units.iter().flat_map(|before| before.running.keys().cloned()));
    }
    let mut noted = journal.clone();
    let Some(before) = noted.before_units.as_mut().filter(|before| !stopped.is_subset(&before.along)) else {
        return (None, None);
    };
    before.along.extend(stopped);
    // A later run needs the written journal if it resumes this undo after an interruption. A write error is
    // ignored, because the disk may be full and the undo may free space.
    let _ = host.write_record(journal::RECORD, &noted);
    (Some(noted), None)
}

pub(in crate::engine) struct Units<'a> {
    host: &'a Host,
    journal: &'a Journal,
    systemd: Systemd,
}

/// The result of starting the previously running units again.
#[derive(Default)]
pub(in crate::engine) struct BringUpResult {
    /// The problems that occurred.
    pub(in crate::engine) failures: Vec<Problem>,
    /// One note for each unit that no step of the transaction names, that ran before the transaction and that
    /// cannot be started again.
    pub(in crate::engine) notes: Vec<String>,
}

impl<'a> Units<'a> {
    /// Prepares the undo of the unit steps in this journal. Returns `None` if systemd does not run on the
    /// host.
    pub(in crate::engine) fn of(host: &'a Host, journal: &'a Journal) -> Option<Self> {
        Systemd::of(host).map(|systemd| Self { host, journal, systemd })
    }

    /// Stops the units that the change started, before the old files are restored. At boot, cancels the
    /// queued starts of changed units instead. Returns the problems that occurred.
    pub(in crate::engine) fn stop(&self, moment: UndoTime) -> Vec<Problem> {
        match moment {
            UndoTime::Running => self.stop_started(),
            UndoTime::Booting => {
                self.cancel_starts();
                Vec::new()
            }
        }
    }

    /// Makes systemd reload its unit files after the old files have been restored. Returns the problem if the
    /// reload fails. Does nothing at boot, since `boot_on` reloads the files at boot.
    pub(in crate::engine) fn reread(&self, moment: UndoTime) -> Option<Problem> {
        let reads = moment == UndoTime::Running && self.journal.reloads_daemon();
        if reads { self.systemd.daemon_reload().err() } else { None }
    }

    /// Starts the previously running units again after systemd has reloaded the old files.
    pub(in crate::engine) fn bring_back(&self, moment: UndoTime) -> BringUpResult {
        match moment {
            UndoTime::Running => self.bring_up(),
            UndoTime::Booting => BringUpResult { failures: self.boot_on(), notes: Vec::new() },
        }
    }

    /// Returns the job, name and previous state of each unit in the transaction.
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

    /// Stops the units that the change started, while their unit files still exist.
    fn stop_started(&self) -> Vec<Problem> {
        let mut failures = Vec::new();
        let now = self.now(&mut failures);
        let up = |unit: &UnitName| now.get(unit).is_some_and(|state| state.is_up() || state.is_failed());
        // The old unit file may have `RefuseManualStop=`, so the unit must be stopped while the new file is
        // loaded.
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

    /// Cancels the queued starts of changed units.
    fn cancel_starts(&self) {
        let units: Vec<&UnitName> = self.all().into_iter().map(|(_, unit, _)| unit).collect();
        // An error for a unit that systemd does not know is ignored. The other starts are cancelled anyway.
        let _ = self.systemd.queue(Verb::Stop, &units);
    }

    /// Makes systemd determine again, from the old files, which units to start at this boot.
    fn boot_on(&self) -> Vec<Problem> {
        let decided = self.systemd.daemon_reload().and_then(|()| self.systemd.boot_on());
        decided.err().into_iter().collect()
    }

    /// Starts again the units that ran before the transaction and have been stopped or restarted since then.
    fn bring_up(&self) -> BringUpResult {
        let mut failures = Vec::new();
        let now = self.now(&mut failures);
        let mut jobs: Vec<(Verb, &UnitName)> = Vec::new();
        for (verb, unit, before) in self.all().into_iter().filter(|(_, _, before)| before.is_up()) {
            let state = now.get(unit);
            match (is_same(state, before), verb) {
                (true, Verb::Reload) => jobs.push((Verb::Reload, unit)),
                (true, _) => {}
                // A unit that is down is started and not restarted, since systemd would refuse the restart of
                // a unit that refuses manual stops.
                (false, _) if state.is_some_and(UnitState::is_up) => jobs.push((Verb::Restart, unit)),
                (false, _) => jobs.push((Verb::Start, unit)),
            }
        }
        // The time limits of the generation that is being restored apply to these jobs.
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
        // Bystanders, which systemd stopped as a side effect, are started last because their dependencies
        // must be up first.
        let mut notes = Vec::new();
        let bystanders = Bystanders::of(self.host, self.journal, &units);
        match bystanders.map_or_else(|| Ok(Vec::new()), |bystanders| bring_back(&bystanders)) {
            Ok(missing) => notes.extend(missing.iter().map(Missing::note)),
            Err(problem) => failures.push(problem),
        }
        BringUpResult { failures, notes }
    }
}

/// Starts again the units that systemd stopped as a side effect. Returns the units that cannot be started or
/// that end immediately.
fn bring_back(bystanders: &Bystanders<'_>) -> Result<Vec<Missing>, Problem> {
    let (_, mut missing) = bystanders.bring_back()?;
    thread::sleep(FIRST_MOMENTS);
    missing.extend(bystanders.ended_since(&missing)?);
    Ok(missing)
}

/// Whether a unit is up and has not been started again since its previous state was recorded.
fn is_same(now: Option<&UnitState>, before: &UnitState) -> bool {
    now.is_some_and(|now| now.is_up() && now.invocation == before.invocation)
}
