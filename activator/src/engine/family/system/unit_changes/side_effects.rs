//! The units that systemd stops and starts along with other units.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::nixos::SystemSummary;

use super::settings::UnitSettings;
use super::versions::{source, template};

/// Keys of a unit. When systemd starts the unit, systemd also starts the units that these keys list.
const PULLS_IN: [&str; 4] = ["BindsTo", "Requires", "Upholds", "Wants"];
/// Keys of a unit. When systemd stops one of the units that these keys list, systemd also stops the unit
/// itself.
const STOPS_WITH: [&str; 4] = ["BindsTo", "PartOf", "Requires", "Requisite"];

/// Returns the running units that systemd stops along with the given units.
pub(super) fn stopped_with(
    system: &SystemSummary,
    running: &BTreeSet<&str>,
    units: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if units.is_empty() {
        return found;
    }
    let files = running.iter().filter_map(|unit| Some((*unit, source(system, unit)?)));
    let settings: Vec<(&str, UnitSettings)> =
        files.map(|(unit, file)| (unit, UnitSettings::parse(&file.text))).collect();
    loop {
        let stops = |(unit, settings): &&(&str, UnitSettings)| {
            let is_with = |name: &str| units.contains(name) || found.contains(name);
            !is_with(unit) && settings.names("Unit", &STOPS_WITH).any(is_with)
        };
        let more: Vec<String> = settings.iter().filter(stops).map(|(unit, _)| (*unit).to_owned()).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Returns the given units and the units that systemd starts along with them, except units that the system
/// does not have. For a unit with several names, returns the name that is in `known`.
pub(super) fn started_with<'s>(
    system: &'s SystemSummary,
    units: impl IntoIterator<Item = &'s str>,
    known: &'s BTreeSet<&str>,
) -> BTreeSet<String> {
    let aliases = aliases(system, known);
    let mut found = BTreeSet::new();
    let mut next: Vec<String> = units.into_iter().map(str::to_owned).collect();
    while let Some(unit) = next.pop() {
        let Some(file) = source(system, &unit) else { continue };
        let is_instance = unit.contains('@');
        let alias = aliases.get(file.paths.as_slice()).filter(|_| !is_instance && !known.contains(&*unit));
        let unit = alias.map_or(unit, |known| (*known).to_owned());
        if !found.insert(unit.clone()) {
            continue;
        }
        let template = template(&unit);
        let names = [Some(&unit), template.as_ref()].into_iter().flatten();
        next.extend(names.filter_map(|name| system.wants.get(name)).flatten().cloned());
        next.extend(UnitSettings::parse(&file.text).names("Unit", &PULLS_IN).map(str::to_owned));
    }
    found
}

/// Maps the store paths of each unit in `known` to the name of the unit, except for instances. Another name
/// of the same unit has the same store paths.
fn aliases<'s>(system: &'s SystemSummary, known: &BTreeSet<&'s str>) -> BTreeMap<&'s [String], &'s str> {
    let is_plain = |name: &&&str| !name.contains('@');
    let named = |name: &&'s str| Some((system.unit_file(name)?.paths.as_slice(), *name));
    known.iter().filter(is_plain).filter_map(named).collect()
}
