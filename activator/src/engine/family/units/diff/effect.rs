//! Warns about settings of units that have no effect or an unexpected effect.

use std::collections::BTreeSet;

use nixfleet_contract::manifest::Unit;
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::diff::Differ;
use crate::engine::family::units::diff::names::declared_as;
use crate::engine::family::units::diff::unit_action::UnitActions;
use crate::host::systemd::UnitState;

impl Differ<'_> {
    pub(in crate::engine) fn without_effect(&mut self, actions: &UnitActions) {
        if self.observed.units.is_none() {
            return;
        }
        let manifest = self.manifest;
        for (name, unit) in &manifest.units {
            self.warn_of_missing_targets(name, unit);
            self.warn_of_missing_accounts(name, unit);
            if unit.enabled.is_none() && self.is_missing(name) {
                self.warn(name, "there is no such unit on the host, so nothing reads its drop-ins");
            }
        }
        for path in self.changed.clone() {
            let Some(entry) = manifest.entries.get(&path) else { continue };
            for (option, units) in
                [("restartUnits", entry.restart_units()), ("reloadUnits", entry.reload_units())]
            {
                for unit in units {
                    self.warn_of_no_effect(unit, &format!("{option} of {path}"), actions);
                }
            }
        }
    }

    /// Warns if the `[Install]` section of an enabled unit names a unit that does not exist, since the
    /// missing unit never starts the enabled unit.
    fn warn_of_missing_targets(&mut self, name: &UnitName, unit: &Unit) {
        let targets = unit.wanted_by().filter(|target| self.is_missing(target));
        for target in targets.collect::<BTreeSet<_>>().into_iter().filter(|_| unit.enabled == Some(true)) {
            let what = format!(
                "its [Install] section names {target}, which is neither on the host nor declared, so \
                 {target} never starts the unit at boot. WantedBy= is usually multi-user.target for \
                 services, timers.target for timers and sockets.target for sockets"
            );
            self.warn(name, what);
        }
    }

    /// Warns about a service whose user or group does not exist.
    fn warn_of_missing_accounts(&mut self, name: &UnitName, unit: &Unit) {
        if !unit.files.iter().any(|path| self.changed.contains(path)) {
            return;
        }
        let (accounts, manifest) = (&self.observed.accounts, self.manifest);
        let is_user = |user: &String| {
            accounts.users.contains_key(user) || manifest.users.iter().any(|own| *own.name == **user)
        };
        // The creation of a user may also create a group with the same name.
        let is_group = |group: &String| {
            let declared = manifest.groups.iter().any(|own| *own.name == **group);
            declared || accounts.groups.contains_key(group) || is_user(group)
        };
        let user = unit.handling.user.iter().filter(|user| !is_user(user));
        let group = unit.handling.group.iter().filter(|group| !is_group(group));
        let missing = user.map(|user| ("User", user)).chain(group.map(|group| ("Group", group)));
        for (setting, account) in missing {
            let what = format!(
                "{setting}={account}: no local or declared account has this name, so the unit starts only if \
                 the host knows {account} from elsewhere, such as LDAP"
            );
            self.warn(name, what);
        }
    }

    /// Warns if naming a unit in `restartUnits` or `reloadUnits` of a file has no effect.
    fn warn_of_no_effect(&mut self, unit: &UnitName, named_by: &str, actions: &UnitActions) {
        let state = self.observed_state(unit, false);
        if self.is_missing(unit) {
            let what = format!("there is no such unit on the host, so {named_by} has no effect");
            self.warn(unit, what);
        } else if self.rests(&state, unit) && actions.of(&self.unit_named(unit)).is_none() {
            let when = if state.invocation.is_empty() { "has not run yet" } else { "has ended" };
            let what = format!(
                "not started by {named_by}: it is a oneshot service that {when}, and only running units are \
                 restarted"
            );
            self.warn(unit, what);
        }
    }

    /// Whether a unit neither exists on the host nor is declared. For an instance, a declaration of its
    /// template is enough. A name such as `web-.service`, which stands for all services whose names begin
    /// with `web-`, is never missing.
    fn is_missing(&self, name: &UnitName) -> bool {
        let units = &self.manifest.units;
        let template = || name.template().and_then(|template| declared_as(units, &template));
        if name.is_family() || declared_as(units, name).or_else(template).is_some() {
            return false;
        }
        let goes = || declared_as(&self.state.units, name).is_some_and(|unit| !self.comes_back(&unit));
        self.observed.absent.contains(name) || self.observed_state(name, false).absent || goes()
    }

    /// Whether a unit still exists after its managed unit file has been removed, because an earlier unit file
    /// is restored.
    fn comes_back(&self, name: &UnitName) -> bool {
        let before = self.state.units.get(name);
        before.is_some_and(|unit| unit.files.iter().any(|path| self.was_there_before(path)))
    }

    /// Whether a unit is an inactive oneshot service that no other unit triggers.
    fn rests(&self, state: &UnitState, name: &UnitName) -> bool {
        let stem = name.strip_suffix(".service").unwrap_or_default();
        let triggers = ["timer", "path", "socket"].map(|suffix| format!("{stem}.{suffix}"));
        let is_triggered = !state.triggered_by.is_empty()
            || self.manifest.units.keys().any(|unit| triggers.iter().any(|trigger| **trigger == **unit));
        let is_oneshot = match self.declared(name).filter(|unit| unit.enabled.is_some()) {
            Some(unit) => unit.handling.oneshot,
            None => state.is_oneshot(),
        };
        is_oneshot && !state.is_up() && !state.is_failed() && !is_triggered
    }
}
