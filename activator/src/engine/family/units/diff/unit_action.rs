//! Unit actions: what the plan does with each unit.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::OnChange;
use nixfleet_contract::step::units::UnitJob;
use nixfleet_contract::step::{Step, UnitStep};
use nixfleet_contract::values::UnitName;

use crate::host::systemd::UnitState;

/// The action of the plan on a unit; a later variant wins over an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitAction {
    /// Reload it.
    Reload,
    /// Restart it.
    Restart,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
}

/// The action on each unit, and the reason. Each unit has one action: a restart wins over a reload.
#[derive(Debug, Default)]
pub struct UnitActions(BTreeMap<UnitName, (UnitAction, String)>);

impl UnitActions {
    /// Sets the action on a unit, unless it has one that wins.
    pub fn set(&mut self, unit: &UnitName, action: UnitAction, why: &str) {
        match self.0.get(unit) {
            Some((known, _)) if *known >= action => {}
            _ => {
                self.0.insert(unit.clone(), (action, why.to_owned()));
            }
        }
    }

    /// Every unit with an action, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&UnitName, UnitAction, &str)> {
        self.0.iter().map(|(unit, (action, why))| (unit, *action, why.as_str()))
    }

    /// A copy, for a loop that changes actions.
    pub fn to_vec(&self) -> Vec<(UnitName, UnitAction, String)> {
        self.0.iter().map(|(unit, (action, why))| (unit.clone(), *action, why.clone())).collect()
    }

    /// Removes the action on a unit.
    pub fn remove(&mut self, unit: &UnitName) {
        self.0.remove(unit);
    }

    /// The action on a unit.
    pub fn of(&self, unit: &UnitName) -> Option<UnitAction> {
        self.0.get(unit).map(|(action, _)| *action)
    }

    /// Turns the actions into steps.
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

/// Steps on units before and after the files change.
#[derive(Debug, Default)]
pub struct UnitSteps {
    /// Before the files change.
    pub stop: Vec<Step>,
    /// After the files change.
    pub restart: Vec<Step>,
    /// Together with the restarts, since one may have to wait for the other.
    pub start: Vec<Step>,
    /// Last, since a reload may depend on a unit that was started.
    pub reload: Vec<Step>,
}

/// The action on a unit whose files change. `should_run`: it should run, whether or not it does.
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
        // A restart would stop everything in the slice; new limits apply once systemd has read its files.
        (_, "slice") if state.is_up() => None,
        // Starting a target that is up starts its new dependencies, and stops nothing.
        (_, "target") => Some(UnitAction::Start),
        (OnChange::Reload, _) if state.is_up() => Some(UnitAction::Reload),
        (OnChange::Reload | OnChange::Restart, _) => Some(UnitAction::Restart),
    }
}

/// Whether something else starts this unit at the right time: a timer, or, for a oneshot, a path or a socket.
/// A change neither interrupts such a job nor runs it again.
fn is_job(state: &UnitState) -> bool {
    let timer = state.triggered_by.iter().any(|unit| unit.rsplit('.').next() == Some("timer"));
    timer || (state.is_oneshot() && !state.triggered_by.is_empty())
}

/// Whether an enabled unit that is not up should be up.
pub fn should_run(state: &UnitState) -> bool {
    !state.is_up()
        && state.active != "deactivating"
        && (!state.is_oneshot() || state.is_failed())
        && state.triggered_by.is_empty()
        && state.condition
        && !state.refuses.start
}
