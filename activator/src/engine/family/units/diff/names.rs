//! Resolves names of units: a unit may have several.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::diff::Differ;

impl Differ<'_> {
    /// The unit that a name stands for after the change; a unit that is removed still counts.
    pub(in crate::engine) fn unit_named(&self, name: &UnitName) -> UnitName {
        let declared = [&self.manifest.units, &self.state.units];
        let declared = declared.into_iter().find_map(|units| declared_as(units, name));
        declared.or_else(|| self.observed_state(name, false).id).unwrap_or_else(|| name.clone())
    }
}

/// The unit among `units` that has a name, as its own or as an alias.
pub(in crate::engine) fn declared_as(units: &BTreeMap<UnitName, Unit>, name: &UnitName) -> Option<UnitName> {
    if units.get(name).is_some_and(|unit| unit.enabled.is_some()) {
        return Some(name.clone());
    }
    let has_alias = |alias: &UnitName| units.iter().find(|(_, unit)| unit.aliases().any(|own| own == *alias));
    if let Some((unit, _)) = has_alias(name) {
        return Some(unit.clone());
    }
    // The name is an instance of a template alias.
    let (unit, _) = has_alias(&name.template()?)?;
    unit.instance(name.instance_name()?)
}
