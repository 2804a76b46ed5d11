//! Handles bystanders. A bystander is a unit that no step names, but that systemd starts or stops together
//! with the unit of a step, because of a dependency such as `Requires=`, `BindsTo=`, `PartOf=`, `Conflicts=`
//! or `OnFailure=`.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::{Step, UnitStep};
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::entry::{UnitEntry, unit_job};
use crate::engine::observe::Observed;
use crate::engine::transaction::journal::{Before, Journal};
use crate::host::Host;
use crate::host::systemd::{Running, Systemd, UnitState, Verb, standing};
use crate::host::transient;

/// Records the running units before a transaction. Returns `None` if no step starts or stops a unit, or
/// activates a NixOS system.
///
/// # Errors
/// [`Code::Unit`] if systemd does not answer.
pub fn before(host: &Host, steps: &[Step], observed: &Observed) -> Result<Option<Before>, Problem> {
    let (Some(systemd), Some(units)) = (Systemd::of(host), &observed.units) else { return Ok(None) };
    let jobs: Vec<&UnitName> = moved(about_units(steps).filter_map(unit_job)).collect();
    let activates = steps.iter().any(|step| step.as_system().is_some_and(|step| step.activation().is_some()));
    if jobs.is_empty() && !activates {
        return Ok(None);
    }
    let mut running = systemd.running()?;
    running.retain(|unit, _| !transient::is_run(unit));
    let roots = jobs.into_iter().filter_map(|unit| units.get(unit));
    let along = systemd.stopped_along(roots, &running)?;
    Ok(Some(Before { running, along }))
}

/// Returns the steps on units.
fn about_units(steps: &[Step]) -> impl Iterator<Item = &UnitStep> {
    steps.iter().filter_map(Step::as_unit)
}

/// Returns the units that these jobs start, stop or restart.
fn moved<'s>(jobs: impl Iterator<Item = (Verb, &'s UnitName)>) -> impl Iterator<Item = &'s UnitName> {
    jobs.filter(|(verb, _)| *verb != Verb::Reload).map(|(_, unit)| unit)
}

/// Returns a warning for each running unit that will stop because it depends on a unit that the plan stops.
///
/// # Errors
/// Fails with the same errors as [`before`].
pub fn warnings(host: &Host, steps: &[Step], observed: &Observed) -> Result<Vec<Warning>, Problem> {
    let (Some(systemd), Some(units)) = (Systemd::of(host), &observed.units) else { return Ok(Vec::new()) };
    let named: BTreeSet<&UnitName> = moved(about_units(steps).filter_map(unit_job)).collect();
    let stopped = about_units(steps).filter_map(unit_job).filter(|(verb, _)| *verb == Verb::Stop);
    let stopped = stopped.filter_map(|(_, unit)| Some((unit, units.get(unit)?)));
    let pairs: Vec<(&UnitName, &UnitName)> = stopped
        .flat_map(|(unit, state)| state.stop_along.iter().map(move |other| (unit, other)))
        .filter(|(_, other)| !named.contains(other))
        .collect();
    let others: BTreeSet<&UnitName> = pairs.iter().map(|(_, other)| *other).collect();
    let states = systemd.show(&others.into_iter().collect::<Vec<_>>())?;
    let up = pairs.iter().filter(|(_, other)| states.get(*other).is_some_and(UnitState::is_up));
    Ok(up
        .map(|(unit, other)| Warning {
            subject: other.to_string(),
            what: format!("it runs and depends on {unit}, so systemd stops it together with {unit}"),
        })
        .collect())
}

/// A unit that ran before the transaction and is down after the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    unit: UnitName,
    /// Whether NixFleet manages the unit. A unit is managed if the manifest states whether the unit is
    /// enabled.
    is_ours: bool,
    why: String,
}

impl Missing {
    /// Returns the note about the unit for the report.
    #[must_use]
    pub fn note(&self) -> String {
        format!("{} ran before and no longer runs: {}", self.unit, self.why)
    }

    /// Returns the problem that causes the undo of the change, or `None` if NixFleet does not manage the
    /// unit.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        let Self { unit, is_ours, why } = self;
        is_ours.then(|| {
            Problem::new(Code::Unit, format!("unit {unit} does not run after the change"))
                .at(unit)
                .because(format!("the unit ran before, and the change stopped the unit: {why}"))
                .help(format!(
                    "run `systemctl list-dependencies --all {unit}` on the host and correct the dependency \
                     that stopped the unit, or declare {unit} with `enabled = false`, then apply again"
                ))
        })
    }
}

/// Finds and reverses the effects of a transaction on bystanders.
pub struct Bystanders<'a> {
    systemd: Systemd,
    before: &'a Before,
    /// The units that the steps start, stop or restart.
    named: BTreeSet<&'a UnitName>,
    /// The units in the manifest.
    declared: &'a BTreeMap<UnitName, Unit>,
}

impl<'a> Bystanders<'a> {
    /// Creates the handler for the transaction in this journal. Returns `None` if the transaction recorded no
    /// running units, or if systemd does not run on the host. After a restart of the host it returns `None`
    /// too, because the restart ended the recorded units, and systemd has started again what runs at boot.
    #[must_use]
    pub fn of(host: &Host, journal: &'a Journal, declared: &'a BTreeMap<UnitName, Unit>) -> Option<Self> {
        let before = journal.before_units.as_ref().filter(|_| !journal.is_of_earlier_boot(host))?;
        let named = moved(journal.units().filter_map(UnitEntry::job)).collect();
        Some(Self { systemd: Systemd::of(host)?, before, named, declared })
    }

    /// Starts again the bystanders that systemd has stopped. Returns the started units, and the units that
    /// cannot be started.
    ///
    /// # Errors
    /// [`Code::Unit`] if systemd does not answer.
    pub fn bring_back(&self) -> Result<(Vec<UnitName>, Vec<Missing>), Problem> {
        let now = self.systemd.running()?;
        let (mut start, mut missing) = (Vec::new(), Vec::new());
        for (unit, state) in self.gone(&now)? {
            match state.hindrance(&now) {
                None => start.push(unit),
                Some(why) => missing.push(self.missing(unit, why)),
            }
        }
        missing.extend(self.start(&start)?);
        start.retain(|unit| missing.iter().all(|missing| missing.unit != *unit));
        Ok((start, missing))
    }

    /// Finds bystanders that have been started again and are down now. Skips the units in `known`, which have
    /// been reported already.
    ///
    /// # Errors
    /// Fails with the same errors as [`Bystanders::bring_back`].
    pub fn ended_since(&self, known: &[Missing]) -> Result<Vec<Missing>, Problem> {
        let gone = self.gone(&self.systemd.running()?)?.into_iter();
        let gone = gone.filter(|(unit, _)| known.iter().all(|missing| missing.unit != *unit));
        Ok(gone.map(|(unit, state)| self.missing(unit, standing(&state))).collect())
    }

    /// Returns the bystanders that ran before the transaction and should still run, but are down.
    fn gone(&self, now: &Running) -> Result<Vec<(UnitName, UnitState)>, Problem> {
        let gone: BTreeSet<&UnitName> = self
            .before
            .running
            .keys()
            .filter(|unit| !now.contains_key(*unit) && !self.named.contains(*unit))
            .filter(|unit| !matches!(unit.suffix(), "slice" | "device" | "swap"))
            .collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let along = self.stopped_along(now)?;
        let concerned = |unit: &UnitName| along.contains(unit) || self.declared.contains_key(unit);
        let gone: Vec<&UnitName> = gone.into_iter().filter(|unit| concerned(unit)).collect();
        let states = self.systemd.at_rest(&gone)?.into_iter();
        let is_gone = |unit: &UnitName, state: &UnitState| {
            gone.contains(&unit) && !state.is_up() && self.should_run(unit, state, along.contains(unit))
        };
        Ok(states.filter(|(unit, state)| is_gone(unit, state)).collect())
    }

    /// Stops the bystanders that systemd has started because of the change. The caller must not have restored
    /// the old files yet, since systemd reads the dependencies of these bystanders from the new files.
    ///
    /// # Errors
    /// Fails with the same errors as [`Bystanders::bring_back`].
    pub fn stop_newcomers(&self) -> Result<(), Problem> {
        let now = self.systemd.running()?;
        let newcomers: BTreeSet<UnitName> = now
            .iter()
            .filter(|(unit, _)| matches!(unit.suffix(), "service" | "socket" | "timer" | "path"))
            .filter(|(unit, _)| !self.before.running.contains_key(*unit) && !self.named.contains(*unit))
            .map(|(unit, _)| unit.clone())
            .collect();
        if newcomers.is_empty() {
            return Ok(());
        }
        let roots = self.systemd.show(&self.named.iter().copied().collect::<Vec<_>>())?;
        let pulled = self.systemd.pulled_in(roots.values(), &newcomers)?;
        let states = self.systemd.show(&pulled.iter().collect::<Vec<_>>())?;
        // A oneshot service that is still running is not stopped, since it ends by itself. The service may be
        // the `OnFailure=` unit that reports the failure.
        let works = |state: &UnitState| state.is_oneshot() && state.active != "active";
        let units: Vec<&UnitName> = pulled
            .iter()
            .filter(|unit| states.get(*unit).is_some_and(|state| !state.refuses.stop && !works(state)))
            .collect();
        self.systemd.job(Verb::Stop, &units)
    }

    /// Returns the units that systemd may have stopped up to now because the change starts, stops or restarts
    /// other units.
    ///
    /// # Errors
    /// Fails with the same errors as [`Bystanders::bring_back`].
    pub fn stopped(&self) -> Result<BTreeSet<UnitName>, Problem> {
        self.stopped_along(&self.systemd.running()?)
    }

    /// Returns the bystanders that systemd may have stopped, according to the dependencies in the old or the
    /// new unit files.
    fn stopped_along(&self, now: &Running) -> Result<BTreeSet<UnitName>, Problem> {
        let newcomers = now.keys().filter(|unit| !self.before.running.contains_key(*unit));
        let roots: BTreeSet<&UnitName> = self.named.iter().copied().chain(newcomers).collect();
        let roots = self.systemd.show(&roots.into_iter().collect::<Vec<_>>())?;
        let mut along = self.systemd.stopped_along(roots.values(), &self.before.running)?;
        along.extend(self.before.along.iter().cloned());
        Ok(along)
    }

    /// Whether a unit should run. The unit ran before the transaction and is down now. It should run if
    /// systemd may have stopped it as a side effect (`along`), or if the manifest enables the unit and the
    /// unit normally runs all the time.
    fn should_run(&self, unit: &UnitName, state: &UnitState, along: bool) -> bool {
        let worked = state.is_oneshot() && self.before.running.get(unit).is_some_and(|was| was != "active");
        let enabled = || {
            let declared = self.declared.get(unit).is_some_and(|unit| unit.enabled == Some(true));
            declared && !state.is_oneshot() && state.triggered_by.is_empty() && state.condition
        };
        !worked && (along || enabled())
    }

    fn start(&self, units: &[UnitName]) -> Result<Vec<Missing>, Problem> {
        let units: Vec<&UnitName> = units.iter().collect();
        let Err(problem) = self.systemd.job(Verb::Start, &units) else { return Ok(Vec::new()) };
        let states = self.systemd.show(&units)?;
        let is_down = |unit: &&UnitName| {
            let worked = |state: &UnitState| state.is_oneshot() && !state.is_failed();
            states.get(*unit).is_none_or(|state| !state.is_up() && !worked(state))
        };
        let down = units.into_iter().filter(is_down);
        let why = problem.why.unwrap_or(problem.what);
        Ok(down.map(|unit| self.missing(unit.clone(), why.clone())).collect())
    }

    fn missing(&self, unit: UnitName, why: String) -> Missing {
        let is_ours = self.declared.get(&unit).is_some_and(|unit| unit.enabled.is_some());
        Missing { unit, is_ours, why }
    }
}
