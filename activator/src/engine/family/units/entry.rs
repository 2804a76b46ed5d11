//! The journal entries of steps on units.

use std::collections::BTreeMap;

use nixfleet_contract::step::units::UnitJob;
use nixfleet_contract::step::{Step, UnitStep};
use nixfleet_contract::values::UnitName;

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::systemd::{UnitState, Verb};

/// A step on units, together with the information that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitEntry {
    /// Starts, stops, restarts or reloads a unit.
    Job {
        /// The kind of job.
        verb: Verb,
        /// The unit, and the reason for the job.
        job: UnitJob,
        /// The state of the unit before the step.
        before: Box<UnitState>,
    },
    /// Makes systemd reload its unit files.
    DaemonReload,
}

/// Returns the kind of job and the unit of a step, or `None` if the step is a daemon reload.
#[must_use]
pub const fn unit_job(step: &UnitStep) -> Option<(Verb, &UnitName)> {
    match step {
        UnitStep::StopUnit(job) => Some((Verb::Stop, &job.unit)),
        UnitStep::StartUnit(job) => Some((Verb::Start, &job.unit)),
        UnitStep::RestartUnit(job) => Some((Verb::Restart, &job.unit)),
        UnitStep::ReloadUnit(job) => Some((Verb::Reload, &job.unit)),
        UnitStep::DaemonReload => None,
    }
}

impl UnitEntry {
    /// Creates the entry for a step that is about to run. `units` contains the observed states of units.
    #[must_use]
    pub fn open(step: &UnitStep, units: Option<&BTreeMap<UnitName, UnitState>>) -> Self {
        let entry = |verb, job: &UnitJob| {
            let before = units.and_then(|units| units.get(&job.unit).cloned()).unwrap_or_default();
            Self::Job { verb, job: job.clone(), before: Box::new(before) }
        };
        match step {
            UnitStep::StopUnit(job) => entry(Verb::Stop, job),
            UnitStep::StartUnit(job) => entry(Verb::Start, job),
            UnitStep::RestartUnit(job) => entry(Verb::Restart, job),
            UnitStep::ReloadUnit(job) => entry(Verb::Reload, job),
            UnitStep::DaemonReload => Self::DaemonReload,
        }
    }

    /// Creates the entry from a step and its facts, which were read from a journal.
    pub(in crate::engine) fn read(step: UnitStep, facts: Facts) -> Result<Self, Mismatch> {
        let (verb, job) = match step {
            UnitStep::StopUnit(job) => (Verb::Stop, job),
            UnitStep::StartUnit(job) => (Verb::Start, job),
            UnitStep::RestartUnit(job) => (Verb::Restart, job),
            UnitStep::ReloadUnit(job) => (Verb::Reload, job),
            UnitStep::DaemonReload => return facts.nothing().map(|()| Self::DaemonReload),
        };
        Ok(Self::Job { verb, job, before: Box::new(facts.unit()?) })
    }

    /// Converts the entry to its form in the journal.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        let (step, facts) = match self {
            Self::Job { verb, job, before } => {
                let step = match verb {
                    Verb::Stop => UnitStep::StopUnit(job),
                    Verb::Start => UnitStep::StartUnit(job),
                    Verb::Restart => UnitStep::RestartUnit(job),
                    Verb::Reload => UnitStep::ReloadUnit(job),
                };
                (step, Facts::Unit { before: *before })
            }
            Self::DaemonReload => (UnitStep::DaemonReload, Facts::Nothing),
        };
        WrittenEntry { step: Step::Unit(step), facts, backup: None }
    }

    /// Returns the kind of job and the unit, or `None` if the entry is a daemon reload.
    #[must_use]
    pub const fn job(&self) -> Option<(Verb, &UnitName)> {
        match self {
            Self::Job { verb, job, .. } => Some((*verb, &job.unit)),
            Self::DaemonReload => None,
        }
    }
}
