//! Which units a change affects, and what is done to them.

use std::collections::{BTreeMap, BTreeSet};

mod fate;
mod masked;

pub(super) use fate::UnitSteps;
use fate::{Fate, Fates, should_run};

use super::Differ;
use crate::engine::state::Origin;
use crate::host::systemd::UnitState;
use crate::manifest::{Entry, OnChange, Unit};
use crate::values::{ManagedPath, UnitName};

impl Differ<'_> {
    pub(super) fn units(&mut self) -> UnitSteps {
        let mut fates = Fates::default();
        let (state, manifest) = (self.state, self.manifest);
        for (name, unit) in &manifest.units {
            self.unmasked(name, unit);
            for target in self.running_forms(name, unit) {
                self.managed(name, unit, &target, &mut fates);
            }
        }
        for (name, unit) in state.units.iter().filter(|(name, _)| !manifest.units.contains_key(*name)) {
            for target in self.running_forms(name, unit) {
                self.removed(unit, &target, &mut fates);
            }
        }
        self.named_by_files(&mut fates);
        self.behind_sockets(&mut fates);
        self.masked(&fates);
        fates.into_steps()
    }

    /// What runs: the unit itself, or the instances of a template.
    fn running_forms(&self, name: &UnitName, unit: &Unit) -> BTreeSet<UnitName> {
        if !name.is_template() {
            return BTreeSet::from([name.clone()]);
        }
        let instances = self.observed.units.iter().flat_map(BTreeMap::keys);
        // An instance with a unit file of its own stands for itself; with drop-ins alone it is still the template's.
        let own =
            |instance: &UnitName| self.manifest.units.get(instance).is_some_and(|own| own.enabled.is_some());
        let loaded =
            instances.filter(|instance| instance.template().as_ref() == Some(name) && !own(instance));
        loaded.chain(&unit.instance).cloned().collect()
    }

    /// A unit that should be there.
    fn managed(&mut self, name: &UnitName, unit: &Unit, target: &UnitName, fates: &mut Fates) {
        let before = self.state.units.get(name);
        let was_enabled = before.is_some_and(|before| before.enabled == Some(true));
        let enabled =
            unit.enabled == Some(true) && unit.instance.as_ref().is_none_or(|instance| instance == target);
        let observed = self.observed_state(target, was_enabled);
        if enabled && !was_enabled && !observed.is_up() {
            return fates.set(target, Fate::Start, "newly enabled");
        }
        if was_enabled && unit.enabled == Some(false) {
            if observed.is_up() {
                fates.set(target, Fate::Stop, "no longer enabled");
            }
            return;
        }
        let old_files = before.map_or(&[][..], |before| &before.files);
        if let Some(path) = unit.files.iter().chain(old_files).find(|path| self.changed.contains(*path)) {
            let why = format!("{} changed", short(path));
            return Self::react(target, unit.on_change, &observed, enabled, &why, fates);
        }
        if enabled && was_enabled && self.observed.units.is_some() && should_run(&observed) {
            self.drifted(target, if observed.is_failed() { "failed" } else { "not running" });
            fates.set(target, Fate::Start, "not running");
        }
    }

    fn react(
        unit: &UnitName,
        on_change: OnChange,
        state: &UnitState,
        enabled: bool,
        why: &str,
        fates: &mut Fates,
    ) {
        if let Some(fate) = fate::on_change(unit, on_change, state, enabled) {
            fates.set(unit, fate, why);
        }
    }

    /// A unit that was managed and is not any more.
    fn removed(&mut self, unit: &Unit, target: &UnitName, fates: &mut Fates) {
        let observed = self.observed_state(target, unit.enabled == Some(true));
        let comes_back = unit.enabled.is_none() || unit.files.iter().any(|path| self.was_there_before(path));
        if comes_back {
            // What remains is the unit of somebody else, which loses our changes.
            if unit.files.iter().any(|path| self.changed.contains(path)) {
                Self::react(target, unit.on_change, &observed, false, "its changes are removed", fates);
            }
        } else if unit.stop_if_removed && (observed.is_up() || observed.is_failed()) {
            fates.set(target, Fate::Stop, "no longer managed");
        }
    }

    fn was_there_before(&self, path: &ManagedPath) -> bool {
        self.state.paths.get(path).is_some_and(|owned| matches!(owned.origin, Origin::Original { .. }))
    }

    /// Units that changed files name.
    fn named_by_files(&mut self, fates: &mut Fates) {
        for path in self.changed.clone() {
            let owned = self.state.paths.get(&path);
            let wanted = match self.manifest.entries.get(&path) {
                Some(Entry::File(file)) => Some(file),
                _ => None,
            };
            let restart = wanted
                .map_or_else(|| owned.map(|owned| &owned.restart_units), |file| Some(&file.restart_units));
            let reload = wanted
                .map_or_else(|| owned.map(|owned| &owned.reload_units), |file| Some(&file.reload_units));
            let why = format!("{} changed", short(&path));
            for (units, on_change) in [(restart, OnChange::Restart), (reload, OnChange::Reload)] {
                for unit in units.into_iter().flatten().flat_map(|unit| self.instances(unit)) {
                    let observed = self.observed_state(unit, self.state.units.contains_key(unit));
                    if observed.is_up() || observed.is_failed() {
                        Self::react(unit, on_change, &observed, false, &why, fates);
                    }
                }
            }
        }
    }

    /// The unit itself, or all instances of a template.
    fn instances<'u>(&'u self, unit: &'u UnitName) -> Vec<&'u UnitName> {
        if !unit.is_template() {
            return vec![unit];
        }
        let known = self.observed.units.iter().flat_map(BTreeMap::keys);
        known.filter(|instance| instance.template().as_ref() == Some(unit)).collect()
    }

    /// A socket cannot be restarted while its service runs, so the service goes with it.
    fn behind_sockets(&self, fates: &mut Fates) {
        let restarted =
            fates.iter().filter(|(unit, fate, _)| *fate == Fate::Restart && unit.suffix() == "socket");
        let sockets: Vec<UnitName> = restarted.map(|(unit, ..)| unit.clone()).collect();
        for socket in sockets {
            for service in &self.observed_state(&socket, false).triggers {
                let Ok(service) = service.parse::<UnitName>() else { continue };
                if self.observed_state(&service, false).is_up() {
                    fates.set(&service, Fate::Restart, &format!("{socket} restarts"));
                }
            }
        }
    }

    /// The state of a unit. Where no systemd runs, a unit that would run on a real host counts as running.
    fn observed_state(&self, unit: &UnitName, assumed_up: bool) -> UnitState {
        let assumed = || {
            let active = if assumed_up { "active" } else { "inactive" };
            UnitState { active: active.to_owned(), condition: true, ..UnitState::default() }
        };
        match &self.observed.units {
            Some(units) => units.get(unit).cloned().unwrap_or_default(),
            None => assumed(),
        }
    }
}

/// A unit's own files by their name, others by their path.
fn short(path: &ManagedPath) -> &str {
    path.strip_prefix("/etc/systemd/system/").unwrap_or(path)
}
