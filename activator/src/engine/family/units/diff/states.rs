//! Plans starts and stops of units of the distribution whose state is declared. The links that enable or mask
//! such a unit are paths, see [`crate::engine::plan::unit_states`].

use nixfleet_contract::values::UnitName;

use crate::engine::apt::release::HeldRelease;
use crate::engine::family::units::diff::Differ;
use crate::engine::family::units::diff::unit_action::{UnitAction, UnitActions, should_run};
use crate::engine::plan::unit_states;
use crate::host::systemd::UnitState;

impl Differ<'_> {
    /// Starts the enabled units of new packages whose starts were held. A unit that a declaration starts or
    /// stops has its own action.
    pub(super) fn held_units(&mut self, actions: &mut UnitActions) {
        let observed = self.observed;
        // The release removes drop-ins, even of units that do not start.
        self.reload_daemon |= observed.held.values().any(|release| *release != HeldRelease::Stay);
        for (unit, _) in observed.held.iter().filter(|(_, release)| **release == HeldRelease::Start) {
            let state = self.observed_state(unit, false);
            let is_declared = self.manifest.unit_states.get(unit).is_some_and(|state| state.runs().is_some());
            if state.enabled && !state.is_up() && !state.masked && !is_declared && !unit.is_template() {
                actions.set(unit, UnitAction::Start, "new; its start was held until now");
            }
        }
    }

    pub(super) fn unit_states(&mut self, actions: &mut UnitActions) {
        let (state, manifest) = (self.state, self.manifest);
        for (unit, declared) in &manifest.unit_states {
            match declared.runs() {
                Some(true) => self.runs(unit, actions),
                Some(false) => {
                    let why = if declared.masked == Some(true) { "masked" } else { "should not run" };
                    self.rests_now(unit, why, actions);
                }
                None => self.runs_as_before(unit, actions),
            }
        }
        for unit in state.unit_states.keys().filter(|unit| !manifest.unit_states.contains_key(*unit)) {
            self.runs_as_before(unit, actions);
        }
    }

    /// Whether the last transaction left the unit running, or left it stopped; `None` if it left the unit as
    /// it was.
    fn left_running(&self, unit: &UnitName) -> Option<bool> {
        self.state.unit_states.get(unit)?.declared.runs()
    }

    fn runs(&mut self, unit: &UnitName, actions: &mut UnitActions) {
        // A held unit has not started since its package was installed.
        let ran = self.left_running(unit) == Some(true) && !self.observed.held.contains_key(unit);
        let observed = self.observed_state(unit, ran);
        // systemd forgets a stopped unit to which nothing refers, and with it the result of its conditions.
        let condition = observed.condition || observed.untried;
        let observed = UnitState { condition, ..observed };
        if observed.absent {
            let problem = unit_states::missing(unit);
            if !self.problems.contains(&problem) {
                self.awaits_package.push(problem.clone());
                self.problems.push(problem);
            }
        } else if !ran && !observed.is_up() {
            actions.set(unit, UnitAction::Start, "should run");
        } else if ran && should_run(&observed) {
            self.drifted(unit, if observed.is_failed() { "failed" } else { "not running" });
            actions.set(unit, UnitAction::Start, "not running");
        }
    }

    fn rests_now(&mut self, unit: &UnitName, why: &str, actions: &mut UnitActions) {
        if !self.observed_state(unit, false).is_up() {
            return;
        }
        if self.left_running(unit) == Some(false) {
            self.drifted(unit, "running");
        }
        actions.set(unit, UnitAction::Stop, why);
    }

    /// Starts or stops a unit whose declaration no longer says whether it runs, so that it is as before the
    /// first declaration.
    fn runs_as_before(&self, unit: &UnitName, actions: &mut UnitActions) {
        let Some(ran) = self.state.unit_states.get(unit).and_then(|state| state.ran) else { return };
        let observed = self.observed_state(unit, ran);
        if ran && !observed.is_up() && !observed.absent {
            actions.set(unit, UnitAction::Start, "it ran before NixFleet managed it");
        } else if !ran && observed.is_up() {
            actions.set(unit, UnitAction::Stop, "it did not run before NixFleet managed it");
        }
    }
}
