//! Plans which units a change affects, and which action is taken on each of them.

use std::collections::{BTreeMap, BTreeSet};

mod effect;
mod masked;
mod names;
mod refused;
mod states;
mod unit_action;

use nixfleet_contract::manifest::{Entry, OnChange, UNITS, Unit};
use nixfleet_contract::values::{ManagedPath, UnitName};
pub(in crate::engine) use unit_action::UnitSteps;
use unit_action::{UnitAction, UnitActions, should_run};

use crate::engine::observe::PathState;
use crate::engine::plan::diff::Differ;
use crate::engine::state::Origin;
use crate::host::systemd::UnitState;

impl Differ<'_> {
    pub(in crate::engine) fn units(&mut self) -> UnitSteps {
        let mut actions = UnitActions::default();
        let (state, manifest) = (self.state, self.manifest);
        for (name, unit) in &manifest.units {
            self.unmasked(name, unit);
            for target in self.running_forms(name, unit) {
                self.managed(name, unit, &target, &mut actions);
            }
        }
        for (name, unit) in state.units.iter().filter(|(name, _)| !manifest.units.contains_key(*name)) {
            for target in self.running_forms(name, unit) {
                self.removed(name, unit, &target, &mut actions);
            }
        }
        self.of_system(&mut actions);
        self.unit_states(&mut actions);
        self.held_units(&mut actions);
        self.named_by_files(&mut actions);
        self.stop_masked_again(&mut actions);
        self.restart_services_with_sockets(&mut actions);
        self.refused(&mut actions);
        self.masked(&actions);
        self.without_effect(&actions);
        actions.into_steps()
    }

    /// Starts the declared units of the running NixOS system that should run, but do not. An activation
    /// starts such units itself. A unit should run if one of the targets that start it is active.
    fn of_system(&mut self, actions: &mut UnitActions) {
        let Some(wanted) = self.manifest.nixos.as_ref().filter(|_| !self.activates_system()) else { return };
        let observed = self.observed;
        let running = observed.nixos.as_ref().and_then(|systems| systems.running.as_ref());
        let Some(units) = observed.units.as_ref().filter(|_| running == Some(&wanted.toplevel)) else {
            return;
        };
        for (unit, started_by) in &wanted.declared.units {
            let Some(found) = units.get(unit).filter(|found| should_run(found)) else { continue };
            if started_by.iter().any(|target| units.get(target).is_some_and(UnitState::is_up)) {
                self.drifted(unit, if found.is_failed() { "failed" } else { "not running" });
                actions.set(unit, UnitAction::Start, "not running");
            }
        }
    }

    /// Returns the units that a declaration applies to: the unit itself, the instances of a template, or the
    /// units whose names have the declared prefix.
    fn running_forms(&self, name: &UnitName, unit: &Unit) -> BTreeSet<UnitName> {
        let observed = self.observed.units.iter().flat_map(BTreeMap::keys);
        let loaded = observed.filter(|form| form.template().as_ref() == Some(name) || name.has_member(form));
        let itself = (!name.is_template()).then_some(name);
        let before = self.state.units.get(name).and_then(|before| before.instance.as_ref());
        loaded.chain(itself).chain(&unit.instance).chain(before).cloned().collect()
    }

    /// Whether the unit `form` has its own declared unit file. A unit that has only declared drop-ins uses
    /// the unit file of its template.
    fn stands_for_itself(&self, name: &UnitName, form: &UnitName) -> bool {
        form == name || self.manifest.units.get(form).is_some_and(|own| own.enabled.is_some())
    }

    /// Plans the action on `target`, which is one of the units that the declaration of `name` applies to.
    fn managed(&mut self, name: &UnitName, unit: &Unit, target: &UnitName, actions: &mut UnitActions) {
        let before = self.state.units.get(name);
        let is_another = target != name && self.stands_for_itself(name, target);
        // The declaration of a template can enable only one of its instances.
        let is_enabled_by = |unit: &Unit| {
            !is_another && unit.enabled == Some(true) && unit.instance.as_ref().unwrap_or(name) == target
        };
        let (enabled, was_enabled) = (is_enabled_by(unit), before.is_some_and(is_enabled_by));
        let observed = self.observed_state(target, was_enabled);
        if enabled && !was_enabled && !observed.is_up() {
            return actions.set(target, UnitAction::Start, "newly enabled");
        }
        if was_enabled && !enabled && unit.enabled.is_some() {
            if observed.is_up() {
                actions.set(target, UnitAction::Stop, "no longer enabled");
            }
            return;
        }
        let old_files = before.map_or(&[][..], |before| &before.files);
        let mut files = unit.files.iter().chain(old_files);
        if let Some(path) = files.find(|path| self.concerns(path, name, target)) {
            let why = format!("{} changed", short(path));
            let calm = self.manifest.units.get(target).is_some_and(|own| own.on_change == OnChange::Nothing);
            let on_change = if calm { OnChange::Nothing } else { unit.on_change };
            return self.react(target, on_change, &observed, enabled, &why, actions);
        }
        if enabled && was_enabled && self.observed.units.is_some() && should_run(&observed) {
            self.drifted(target, if observed.is_failed() { "failed" } else { "not running" });
            actions.set(target, UnitAction::Start, "not running");
        }
    }

    /// Whether a change of `path`, which is a file of the unit `name`, affects the unit `form`, which can be
    /// an instance of `name`. The answer depends on the files that systemd has read for `form`.
    fn concerns(&self, path: &ManagedPath, name: &UnitName, form: &UnitName) -> bool {
        let is_drop_in = path.strip_prefix(UNITS).is_some_and(|path| path.contains('/'));
        if !self.changed.contains(path) || form == name {
            return self.changed.contains(path);
        }
        let state = self.observed_state(form, false);
        if is_drop_in {
            // Another drop-in with the same file name may take precedence. In that case, systemd has not read
            // this drop-in.
            let is_new = *self.found(path) == PathState::Missing;
            is_new || state.drop_ins.is_empty() || state.drop_ins.iter().any(|read| *read == **path)
        } else {
            self.is_made_of(form, name)
        }
    }

    /// Whether an instance uses the unit file of its template.
    fn is_made_of(&self, form: &UnitName, name: &UnitName) -> bool {
        let fragment = self.observed_state(form, false).fragment;
        let file = fragment.rsplit('/').next().unwrap_or_default();
        name.is_template() && !self.stands_for_itself(name, form) && (file.is_empty() || file == &**name)
    }

    fn react(
        &self,
        unit: &UnitName,
        on_change: OnChange,
        state: &UnitState,
        enabled: bool,
        why: &str,
        actions: &mut UnitActions,
    ) {
        let unit = self.unit_named(unit);
        if let Some(action) = unit_action::on_change(&unit, on_change, state, enabled) {
            actions.set(&unit, action, why);
        }
    }

    /// Plans the action on a unit that has been removed from the manifest.
    fn removed(&mut self, name: &UnitName, unit: &Unit, target: &UnitName, actions: &mut UnitActions) {
        let observed = self.observed_state(target, unit.enabled == Some(true));
        let is_form = target == name || self.is_made_of(target, name);
        let is_masked_again = is_form && self.restores_mask(target);
        let comes_back = unit.enabled.is_none() || unit.files.iter().any(|path| self.was_there_before(path));
        if (comes_back && !is_masked_again) || !is_form {
            // The unit itself remains, and only its managed files are removed.
            if unit.files.iter().any(|path| self.concerns(path, name, target)) {
                self.react(
                    target,
                    unit.on_change,
                    &observed,
                    false,
                    "NixFleet's changes to it are removed",
                    actions,
                );
            }
        } else if unit.stop_if_removed && (observed.is_up() || observed.is_failed()) {
            let why = if is_masked_again { masked::AGAIN } else { "no longer managed" };
            actions.set(target, UnitAction::Stop, why);
        }
    }

    fn was_there_before(&self, path: &ManagedPath) -> bool {
        self.state.paths.get(path).is_some_and(|owned| matches!(owned.origin, Origin::Original { .. }))
    }

    /// Plans the actions on units that are listed in `restartUnits` or `reloadUnits` of a changed file.
    fn named_by_files(&mut self, actions: &mut UnitActions) {
        for path in self.changed.clone() {
            let owned = self.state.paths.get(&path);
            let declared = match self.manifest.entries.get(&path) {
                Some(entry @ (Entry::File(_) | Entry::Absent(_))) => Some(entry),
                Some(Entry::Directory(_) | Entry::Link(_)) | None => None,
            };
            let restart = declared.map_or_else(
                || owned.map(|owned| &*owned.restart_units),
                |entry| Some(entry.restart_units()),
            );
            let reload = declared
                .map_or_else(|| owned.map(|owned| &*owned.reload_units), |entry| Some(entry.reload_units()));
            let why = format!("{} changed", short(&path));
            for (units, on_change) in [(restart, OnChange::Restart), (reload, OnChange::Reload)] {
                for unit in units.into_iter().flatten() {
                    let unit = self.unit_named(unit);
                    for unit in self.instances(&unit) {
                        let observed = self.observed_state(&unit, self.state.units.contains_key(&unit));
                        if observed.is_up() || observed.is_failed() {
                            self.react(&unit, on_change, &observed, false, &why, actions);
                        }
                    }
                }
            }
        }
    }

    /// Returns the unit itself or, for a template, all known instances.
    fn instances(&self, unit: &UnitName) -> Vec<UnitName> {
        if !unit.is_template() {
            return vec![unit.clone()];
        }
        let known = self.observed.units.iter().flat_map(BTreeMap::keys);
        known.filter(|instance| instance.template().as_ref() == Some(unit)).cloned().collect()
    }

    /// Restarts the running service of each socket that starts or restarts, since a socket can start only
    /// while its service is down.
    fn restart_services_with_sockets(&mut self, actions: &mut UnitActions) {
        let starts = |action: UnitAction| matches!(action, UnitAction::Start | UnitAction::Restart);
        let sockets = actions.to_vec().into_iter();
        for (socket, action, _) in
            sockets.filter(|(unit, action, _)| starts(*action) && unit.suffix() == "socket")
        {
            let known = self.observed_state(&socket, false).triggers;
            let known = known.iter().filter_map(|service| service.parse().ok());
            let stated = self.declared(&socket).and_then(|unit| unit.handling.activates.clone());
            let services: Vec<UnitName> =
                known.chain(stated).map(|service: UnitName| self.unit_named(&service)).collect();
            for service in services {
                if !self.observed_state(&service, false).is_up()
                    || actions.of(&service) == Some(UnitAction::Stop)
                {
                    continue;
                }
                let refuses = self.refuses(&service, UnitAction::Restart);
                if refuses.start || refuses.stop {
                    let what = format!(
                        "not started: it can start only while {service} is down, but {service} refuses to be \
                         restarted (RefuseManualStop=); the change takes effect after a reboot"
                    );
                    self.warn(&socket, what);
                    actions.remove(&socket);
                } else if action == UnitAction::Start {
                    let why = format!("{socket} can start only while {service} is down");
                    actions.set(&service, UnitAction::Restart, &why);
                } else {
                    actions.set(&service, UnitAction::Restart, &format!("{socket} restarts"));
                }
            }
        }
    }

    /// Returns the declaration of a unit. If the unit has no declaration, returns the declaration of its
    /// template.
    fn declared(&self, unit: &UnitName) -> Option<&Unit> {
        let units = &self.manifest.units;
        units.get(unit).or_else(|| units.get(&unit.template()?))
    }

    /// Returns the observed state of a unit. If systemd does not run on the host, the unit counts as active
    /// if `assumed_up` is set.
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

/// Returns the path relative to the directory of unit files, or the full path for other files.
fn short(path: &ManagedPath) -> &str {
    path.strip_prefix(UNITS).unwrap_or(path)
}
