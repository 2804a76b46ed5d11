//! Predicts which units the activation of a NixOS system starts, stops, restarts and reloads. The rules are
//! those of `switch-to-configuration` (nixpkgs, `pkgs/by-name/sw/switch-to-configuration-ng`).

mod difference;
mod fstab;
mod settings;
mod side_effects;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::nixos::SystemSummary;
use nixfleet_contract::plan::SystemChanges;

use difference::Difference;
use fstab::Fstab;
use settings::UnitSettings;
use versions::Versions;

/// Targets that an activation never restarts, because other units pull them in.
const SPECIAL: [&str; 4] = ["basic.target", "graphical.target", "multi-user.target", "sysinit.target"];
/// Targets that may still be active after the host has slept. An activation does not start them again.
const SLEEP: [&str; 3] = ["hibernate.target", "hybrid-sleep.target", "suspend.target"];
/// The target that each activation restarts. This target pulls in units that run before `sysinit.target`.
const REACTIVATION: &str = "sysinit-reactivation.target";

/// The units that the activation of a system would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// The changed units, with one list for each kind of change, such as a restart.
    pub changes: SystemChanges,
    /// The units in `changes.start` that are equal in both systems, and that an activation of the old system
    /// starts too. They do not run now, so their conditions may be unmet. In this case, they do not start
    /// this time either.
    pub again: BTreeSet<String>,
}

/// The units on which `switch-to-configuration` itself acts, with one list for each action.
#[derive(Debug, Default)]
struct Lists {
    stop: BTreeSet<String>,
    start: BTreeSet<String>,
    restart: BTreeSet<String>,
    reload: BTreeSet<String>,
    skip: BTreeSet<String>,
    /// The running targets that are started again. Neither NixOS nor a plan shows them.
    targets: BTreeSet<String>,
}

/// Returns the units that would change if a host activated the system `new` while it runs the system `old`.
/// `fstab`: the text of `/etc/fstab` of the host. `states`: the `ActiveState` of each unit that is not
/// inactive.
#[must_use]
pub fn changes(
    old: &SystemSummary,
    new: &SystemSummary,
    fstab: &str,
    states: &BTreeMap<String, String>,
) -> Foreseen {
    let mut lists = Lists::default();
    if let Some(new) = &new.fstab {
        lists.mounts(&Fstab::parse(fstab), &Fstab::parse(new), states);
    }
    for (unit, state) in states {
        if matches!(state.as_str(), "active" | "activating") {
            lists.compare(unit, (old, new), states);
        }
    }
    let is_up = |state: &str| matches!(state, "active" | "activating" | "reloading" | "refreshing");
    let up = states.iter().filter(|(_, state)| is_up(state)).map(|(unit, _)| unit.as_str());
    lists.foresee(old, new, &up.collect())
}

impl Lists {
    /// Puts a running unit into the lists to which it belongs.
    fn compare(
        &mut self,
        unit: &str,
        (old, new): (&SystemSummary, &SystemSummary),
        states: &BTreeMap<String, String>,
    ) {
        let Some(versions) = Versions::find(old, new, unit) else { return };
        let Some(after) = versions.after() else {
            if versions.before().flag("Unit", "X-StopOnRemoval", true) {
                self.stop.insert(unit.to_owned());
            }
            return;
        };
        if unit.ends_with(".target") {
            self.target(unit, &after);
        } else if !versions.are_equal() {
            match Difference::between(&versions.before(), &after) {
                Difference::None => {}
                Difference::Reload => {
                    self.reload.insert(unit.to_owned());
                }
                Difference::Restart => self.changed(
                    unit,
                    &after,
                    |socket| (states.contains_key(socket), new.unit_file(socket).is_some()),
                    &versions.base,
                ),
            }
        }
    }

    /// Puts a running target into the lists to which it belongs. Running targets are started again, because
    /// this starts the units that they pull in.
    fn target(&mut self, unit: &str, new: &UnitSettings) {
        let is = |key: &str| new.flag("Unit", key, false);
        if !SLEEP.contains(&unit) && !is("RefuseManualStart") && !is("X-OnlyManualStart") {
            self.start.insert(unit.to_owned());
            self.targets.insert(unit.to_owned());
        }
        if is("X-StopOnReconfiguration") {
            self.stop.insert(unit.to_owned());
        }
    }

    /// Puts a changed unit for which a reload does not suffice into the lists to which it belongs. `socket`
    /// returns, for the name of a socket, whether the socket is in a state other than inactive, and whether
    /// the new system has the socket. `base`: the name of the unit or, if it has the file of a template, of
    /// the template.
    fn changed(&mut self, unit: &str, new: &UnitSettings, socket: impl Fn(&str) -> (bool, bool), base: &str) {
        let is_kind = |kind: &str| unit.ends_with(kind);
        let is = |section: &str, key: &str, default: bool| new.flag(section, key, default);
        let name = || unit.to_owned();
        if SPECIAL.contains(&unit) || is_kind(".path") || is_kind(".slice") || is_kind(".socket") {
            // systemd applies changes of slices and paths when it reloads all unit files. Sockets are left
            // alone.
        } else if is_kind(".mount") {
            let list =
                if matches!(unit, "-.mount" | "nix.mount") { &mut self.reload } else { &mut self.restart };
            list.insert(name());
        } else if is("Service", "X-ReloadIfChanged", false) {
            self.reload.insert(name());
        } else if !is("Service", "X-RestartIfChanged", true)
            || is("Unit", "RefuseManualStop", false)
            || is("Unit", "X-OnlyManualStart", false)
        {
            self.skip.insert(name());
        } else if !is_kind(".service") || !is("Service", "X-StopIfChanged", true) {
            self.restart.insert(name());
        } else {
            let starts_by_socket = self.sockets(new, socket, base);
            if !starts_by_socket || is("Service", "X-NotSocketActivated", false) {
                self.start.insert(name());
            }
            self.stop.insert(name());
        }
    }

    /// Adds the sockets of a service to the lists of units to stop and to start. Returns whether the new
    /// system has one of these sockets, which then starts the service. `state` is the function `socket` of
    /// [`Self::changed`].
    fn sockets(&mut self, new: &UnitSettings, state: impl Fn(&str) -> (bool, bool), base: &str) -> bool {
        let mut sockets: BTreeSet<String> = new.names("Service", &["Sockets"]).map(str::to_owned).collect();
        if sockets.is_empty() {
            let name = base.strip_suffix(".service").unwrap_or(base);
            sockets.insert(format!("{}.socket", name.strip_suffix('@').unwrap_or(name)));
        }
        let mut starts = false;
        for socket in sockets {
            let (is_active, remains) = state(&socket);
            starts |= remains;
            if is_active && remains {
                self.start.insert(socket.clone());
            }
            if is_active {
                self.stop.insert(socket);
            }
        }
        starts
    }

    /// Returns the listed units together with the units that systemd stops and starts along with them. `up`:
    /// the running units.
    fn foresee(self, old: &SystemSummary, new: &SystemSummary, up: &BTreeSet<&str>) -> Foreseen {
        let stopped = union(side_effects::stopped_with(old, up, &self.stop), &self.stop);
        let mut restarting = self.restart.clone();
        if new.unit_file(REACTIVATION).is_some() && up.contains(REACTIVATION) {
            restarting.insert(REACTIVATION.to_owned());
        }
        let restarted = union(side_effects::stopped_with(old, up, &restarting), &restarting);

        let roots = || self.start.iter().chain(&self.restart).map(String::as_str).chain([REACTIVATION]);
        let runs = |unit: &String| up.contains(unit.as_str()) && !stopped.contains(unit);
        let mut started = side_effects::started_with(new, roots(), up);
        started.retain(|unit| !runs(unit));
        started.extend(self.start.iter().cloned());

        let is_hidden = |unit: &&String| self.targets.contains(*unit) || *unit == REACTIVATION;
        let shown = |units: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            units.filter(|unit| !is_hidden(unit)).cloned().collect()
        };
        let restart = union(stopped.intersection(&started).cloned().collect(), &restarted);
        let is_left = |unit: &&String| !stopped.contains(*unit) && !restart.contains(*unit);
        let changes = SystemChanges {
            stop: shown(&mut stopped.difference(&restart)),
            start: shown(&mut started.difference(&restart)),
            restart: shown(&mut restart.iter()),
            reload: shown(&mut self.reload.iter().filter(is_left)),
            skip: shown(&mut self.skip.iter().filter(is_left)),
        };
        let earlier = side_effects::started_with(old, roots(), up);
        let is_again = |unit: &&String| {
            let [before, after] =
                [old, new].map(|system| versions::source(system, unit).map(|file| &file.paths));
            earlier.contains(*unit) && before == after
        };
        Foreseen { again: changes.start.iter().filter(is_again).cloned().collect(), changes }
    }
}

fn union(mut units: BTreeSet<String>, more: &BTreeSet<String>) -> BTreeSet<String> {
    units.extend(more.iter().cloned());
    units
}
