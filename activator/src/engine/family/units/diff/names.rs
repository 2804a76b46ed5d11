//! Resolves unit names and aliases.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::diff::Differ;

impl Differ<'_> {
    /// Returns the unit to which a name will refer after the change. The name can also refer to a unit that
    /// the change removes.
    pub(in crate::engine) fn unit_named(&self, name: &UnitName) -> UnitName {
        let declared = [&self.manifest.units, &self.state.units];
        let declared = declared.into_iter().find_map(|units| declared_as(units, name));
        declared.or_else(|| self.observed_state(name, false).id).unwrap_or_else(|| name.clone())
    }
}

/// Returns the unit among `units` that has this name or alias.
pub(in crate::engine) fn declared_as(units: &BTreeMap<UnitName, Unit>, name: &UnitName) -> Option<UnitName> {
    if units.get(name).is_some_and(|unit| unit.enabled.is_some()) {
        return Some(name.clone());
    }
    let has_alias = |alias: &UnitName| units.iter().find(|(_, unit)| unit.aliases().any(|own| own == *alias));
    if let Some((unit, _)) = has_alias(name) {
        return Some(unit.clone());
    }
    // The name may be an instance of an alias of a template.
    let (unit, _) = has_alias(&name.template()?)?;
    unit.instance(name.instance_name()?)
}
