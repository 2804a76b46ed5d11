//! Compiles the states of units of the distribution.

use std::collections::BTreeMap;

use nixfleet_contract::intent::{DistributionUnitIntent, Intent};
use nixfleet_contract::manifest::DistributionUnit;
use nixfleet_contract::values::UnitName;

use super::compile::Compiler;

impl Compiler<'_> {
    pub(super) fn unit_states(&mut self, intent: &Intent) -> BTreeMap<UnitName, DistributionUnit> {
        let mut states = BTreeMap::new();
        for state in &intent.unit_states {
            let option = format!("nixfleet.systemd.units.{:?}", state.name);
            let Some(name) = self.parse::<UnitName>(&option, &state.name) else { continue };
            if intent.units.iter().any(|unit| unit.name == state.name && unit.text.is_some()) {
                let what = format!("unit {name} has a text of its own, so it is not one of the distribution");
                self.reject(&option, what, "remove `running` and `masked`");
            }
            if intent.base == "nixos" {
                let what = format!("NixOS itself decides the state of unit {name}");
                self.reject(&option, what, "use an option of NixOS");
            }
            let compiled = self.unit_state(&option, &name, state);
            if states.insert(name, compiled).is_some() {
                self.reject(&option, format!("the state of unit {} is declared twice", state.name), "");
            }
        }
        states
    }

    fn unit_state(
        &mut self,
        option: &str,
        name: &UnitName,
        state: &DistributionUnitIntent,
    ) -> DistributionUnit {
        let DistributionUnitIntent { name: _, enabled, running, masked } = *state;
        if (enabled, running, masked) == (None, None, None) {
            self.reject(option, format!("the state of unit {name} says nothing"), "");
        }
        if masked == Some(true) && (enabled == Some(true) || running == Some(true)) {
            let what = format!("unit {name} cannot be masked and be enabled or running");
            self.reject(option, what, "remove `masked`, or the other options");
        }
        if running.is_some() && name.is_template() {
            let what = format!("unit {name} is a template, which cannot run");
            self.reject(option, what, "declare the instance, such as app@1.service");
        }
        DistributionUnit { enabled, running, masked }
    }
}
