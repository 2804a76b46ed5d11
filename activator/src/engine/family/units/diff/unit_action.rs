//! The actions that a plan takes on units.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::OnChange;
use nixfleet_contract::step::units::UnitJob;
use nixfleet_contract::step::{Step, UnitStep};
use nixfleet_contract::values::UnitName;

use crate::host::systemd::UnitState;

/// An action on a unit. If several actions apply to a unit, the action that is listed last here takes
/// precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitAction {
    /// Reload the unit.
    Reload,
    /// Restart the unit.
    Restart,
    /// Start the unit.
    Start,
    /// Stop the unit.
    Stop,
}

/// The action on each unit, with the reason. Each unit has at most one action.
#[derive(Debug, Default)]
pub struct UnitActions(BTreeMap<UnitName, (UnitAction, String)>);

impl UnitActions {
    /// Sets the action on a unit, unless the unit already has the same action or an action that takes
    /// precedence.
    pub fn set(&mut self, unit: &UnitName, action: UnitAction, why: &str) {
        match self.0.get(unit) {
            Some((known, _)) if *known >= action => {}
            _ => {
                self.0.insert(unit.clone(), (action, why.to_owned()));
            }
        }
    }

    /// Iterates over all units that have an action, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&UnitName, UnitAction, &str)> {
        self.0.iter().map(|(unit, (action, why))| (unit, *action, why.as_str()))
    }

    /// Returns a copy of the actions, so that a caller can change the original while it iterates over the
    /// copy.
    pub fn to_vec(&self) -> Vec<(UnitName, UnitAction, String)> {
        self.0.iter().map(|(unit, (action, why))| (unit.clone(), *action, why.clone())).collect()
    }

    /// Removes the action on a unit.
    pub fn remove(&mut self, unit: &UnitName) {
        self.0.remove(unit);
    }

    /// Returns the action on a unit, if it has one.
    pub fn of(&self, unit: &UnitName) -> Option<UnitAction> {
        self.0.get(unit).map(|(action, _)| *action)
    }

    /// Converts the actions to steps.
    pub fn into_steps(self) -> UnitSteps {
        let mut steps = UnitSteps::default();
        for (unit, (action, why)) in self.0 {
            match action {
                UnitAction::Stop => steps.stop.push(Step::Unit(UnitStep::StopUnit(UnitJob { unit, why }))),
                UnitAction::Start => steps.start.push(Step::Unit(UnitStep::StartUnit(UnitJob { unit, why }))),
                UnitAction::Restart => {
                    steps.restart.push(Step::Unit(UnitStep::RestartUnit(UnitJob { unit, why })));
                }
                UnitAction::Reload => {
                    steps.reload.push(Step::Unit(UnitStep::ReloadUnit(UnitJob { unit, why })));
                }
            }
        }
        steps
    }
}

/// The steps on units, grouped by the time at which they run.
#[derive(Debug, Default)]
pub struct UnitSteps {
    /// The stops, which run before files change.
    pub stop: Vec<Step>,
    /// The restarts, which run after files have changed.
    pub restart: Vec<Step>,
    /// The starts, which run together with the restarts, since units of both groups may depend on each other.
    pub start: Vec<Step>,
    /// The reloads, which run last, since a reload may depend on a unit that has just been started.
    pub reload: Vec<Step>,
}

/// Returns the action on a unit whose files change. `should_run` tells whether the unit is enabled.
pub fn on_change(
    unit: &UnitName,
    on_change: OnChange,
    state: &UnitState,
    should_run: bool,
) -> Option<UnitAction> {
    let down = !state.is_up() && !state.is_failed();
    match (on_change, unit.suffix()) {
        (OnChange::Nothing, _) => None,
        _ if is_job(state) => None,
        _ if down => (should_run && state.triggered_by.is_empty()).then_some(UnitAction::Start),
        // A restart would stop everything in the slice. New limits take effect when systemd reloads its unit
        // files.
        (_, "slice") if state.is_up() => None,
        // Starting a target that is already active starts its new dependencies and stops nothing.
        (_, "target") => Some(UnitAction::Start),
        (OnChange::Reload, _) if state.is_up() => Some(UnitAction::Reload),
        (OnChange::Reload | OnChange::Restart, _) => Some(UnitAction::Restart),
    }
}

/// Whether another unit starts this unit when this unit is needed: a timer or, for a oneshot service, also a
/// path or socket unit. A change neither interrupts nor starts such a unit.
fn is_job(state: &UnitState) -> bool {
    let timer = state.triggered_by.iter().any(|unit| unit.rsplit('.').next() == Some("timer"));
    timer || (state.is_oneshot() && !state.triggered_by.is_empty())
}

/// Whether an enabled unit is down, although it should be up.
pub fn should_run(state: &UnitState) -> bool {
    !state.is_up()
        && state.active != "deactivating"
        && (!state.is_oneshot() || state.is_failed())
        && state.triggered_by.is_empty()
        && state.condition
        && !state.refuses.start
}
