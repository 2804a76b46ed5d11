//! Detects masked units, which systemd refuses to start.

use nixfleet_contract::manifest::{UNITS, Unit};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{ManagedPath, UnitName};

use crate::engine::family::units::diff::Differ;
use crate::engine::family::units::diff::unit_action::{UnitAction, UnitActions};
use crate::engine::observe::MASK;
use crate::engine::state::Thing;

/// The reason why the change stops a unit whose mask it restores.
pub(super) const AGAIN: &str = "its original is a mask, which is restored";

impl Differ<'_> {
    /// Reports each action on a masked unit, since the action would fail. Also reports the drop-ins of a
    /// masked unit, since the drop-ins would have no effect.
    pub(in crate::engine) fn masked(&mut self, actions: &UnitActions) {
        for (unit, action, why) in actions.iter() {
            if action != UnitAction::Stop && self.stays_masked(unit) {
                let what = match action {
                    UnitAction::Reload => "reload",
                    UnitAction::Restart => "restart",
                    UnitAction::Start | UnitAction::Stop => "start",
                };
                let problem = masked(unit).because(format!("the change would {what} the unit: {why}"));
                self.problems.push(problem);
            }
        }
        for (name, unit) in &self.manifest.units {
            if unit.enabled.is_none()
                && self.stays_masked(name)
                && actions.of(&self.unit_named(name)).is_none()
            {
                self.problems.push(masked(name).because("the drop-ins of the unit would have no effect"));
            } else if self.restores_mask(name) {
                self.problems.push(masked_again(name));
            }
        }
    }

    /// Stops each unit whose mask the change restores, instead of any other action on the unit: systemd
    /// refuses to start or reload a masked unit. A unit that was declared with `stopIfRemoved = false` keeps
    /// running.
    pub(in crate::engine) fn stop_masked_again(&self, actions: &mut UnitActions) {
        for (unit, action, _) in actions.to_vec() {
            if action != UnitAction::Stop && self.restores_mask(&unit) {
                let units = &self.state.units;
                let known = units.get(&unit).or_else(|| units.get(&unit.template()?));
                actions.remove(&unit);
                if known.is_none_or(|known| known.stop_if_removed) {
                    actions.set(&unit, UnitAction::Stop, AGAIN);
                }
            }
        }
    }

    /// Whether the change restores the mask of a unit, or of the template that an instance uses.
    pub(super) fn restores_mask(&self, unit: &UnitName) -> bool {
        let is_restored = |name: &UnitName| {
            let path = format!("{UNITS}{name}").parse::<ManagedPath>();
            self.observed.original_masks.contains(name) && path.is_ok_and(|path| self.changed.contains(&path))
        };
        let template = unit.template().filter(|template| self.is_made_of(unit, template));
        is_restored(unit) || template.is_some_and(|template| is_restored(&template))
    }

    /// Reports as drift that a managed unit is masked. The mask is a hand edit of the unit file, and the
    /// change removes the mask.
    pub(in crate::engine) fn unmasked(&mut self, name: &UnitName, unit: &Unit) {
        if unit.enabled.is_some() && self.is_masked(name) && !self.stays_masked(name) {
            self.drifted(name, "masked");
        }
    }

    fn is_masked(&self, unit: &UnitName) -> bool {
        self.observed_state(unit, false).masked
    }

    /// Whether a unit is masked, and the change does not remove or replace the mask.
    fn stays_masked(&self, unit: &UnitName) -> bool {
        let path = format!("{UNITS}{unit}").parse::<ManagedPath>();
        let is_ours = |path: &ManagedPath| {
            let owned = self.state.paths.get(path).map(|owned| &owned.thing);
            owned.is_some_and(|thing| *thing == Thing::Link { target: MASK.to_owned() })
        };
        let goes = |path: ManagedPath| self.manifest.entries.contains_key(&path) || is_ours(&path);
        self.is_masked(unit) && !path.is_ok_and(goes)
    }
}

fn masked_again(unit: &UnitName) -> Problem {
    Problem::new(Code::Masked, format!("unit {unit} would be masked"))
        .at(unit)
        .because(
            "the change restores the original of its unit file, which is a link to /dev/null, so the drop-ins \
             of the unit would have no effect",
        )
        .help(format!(
            "declare nixfleet.systemd.units.{:?}.text, or remove the unit from the configuration of the host",
            &**unit
        ))
}

fn masked(unit: &UnitName) -> Problem {
    Problem::new(Code::Masked, format!("unit {unit} is masked on the host")).at(unit).help(format!(
        "run `systemctl unmask {unit}` on the host, or remove the unit from the configuration of the host"
    ))
}
