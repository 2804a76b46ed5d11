//! The declared states of units of the distribution, as entries of the manifest: the links that enable a
//! unit, and the link that masks it.
//!
//! The links depend on the unit file, which only the host has. So the entries are added on the host, before a
//! plan is made. From then on, they are paths like all others: a plan shows them, an undo restores them, and
//! the former object at a path is restored when its declaration ends.

mod install;
mod unit_file;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nixfleet_contract::manifest::{
    AbsentEntry, DistributionUnit, Entry, LinkEntry, Manifest, OnConflict, UNITS,
};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{ManagedPath, UnitName};

use crate::engine::observe::MASK;
use crate::engine::state::{State, Thing};
use crate::host::Host;
use install::NoLinks;

/// The reasons why declared states of units cannot be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitObjections {
    /// Units that cannot have the declared state.
    pub refused: Vec<Problem>,
    /// Units that do not exist on the host. A package that apt installs may bring them.
    pub missing: Vec<Problem>,
}

/// Adds the entries for the declared states of units of the distribution. Returns the reasons why a state
/// cannot be reached.
pub(in crate::engine) fn add_entries(host: &Host, state: &State, manifest: &mut Manifest) -> UnitObjections {
    let states = std::mem::take(&mut manifest.unit_states);
    let mut adder = EntryAdder { host, state, manifest, problems: UnitObjections::default() };
    for (unit, declared) in &states {
        adder.mask(unit, *declared);
    }
    adder.enable_all(&states);
    let problems = adder.problems;
    manifest.unit_states = states;
    problems
}

struct EntryAdder<'a> {
    host: &'a Host,
    state: &'a State,
    manifest: &'a mut Manifest,
    problems: UnitObjections,
}

impl EntryAdder<'_> {
    fn mask(&mut self, unit: &UnitName, declared: DistributionUnit) {
        let Some(path) = path_of(unit) else { return };
        let is_ours = self.state.paths.get(&path).is_some_and(|owned| owned.thing == Thing::Absent);
        let is_masked = self.link_at(&path).is_some_and(|target| target == MASK);
        match declared.masked {
            Some(true) => self.link(path, MASK.to_owned()),
            Some(false) if is_ours || is_masked => self.absent(path),
            Some(false) | None => {}
        }
    }

    /// Adds the links of all units that are declared as enabled or as disabled, and of the units that these
    /// units name in `Also=`. A unit with a declaration of its own has the declared state.
    fn enable_all(&mut self, states: &BTreeMap<UnitName, DistributionUnit>) {
        let declared = states.iter().filter_map(|(unit, state)| Some((unit.clone(), state.enabled?)));
        let mut wanted: BTreeMap<UnitName, bool> = declared.collect();
        let mut left: Vec<(UnitName, bool)> = wanted.clone().into_iter().collect();
        while let Some((unit, is_enabled)) = left.pop() {
            let is_declared = states.contains_key(&unit);
            let found = install::find(self.host, &unit);
            let found = match found {
                Ok(found) if is_enabled && is_declared && found.is_static() => {
                    Err(NoLinks::Refused(found.objection(&unit)))
                }
                found => found,
            };
            match found {
                Ok(found) => {
                    for also in &found.also {
                        let is_ours =
                            self.manifest.units.get(also).is_some_and(|unit| unit.enabled.is_some());
                        if !is_ours && !wanted.contains_key(also) {
                            wanted.insert(also.clone(), is_enabled);
                            left.push((also.clone(), is_enabled));
                        }
                    }
                    self.links(&found, is_enabled);
                }
                // A unit that only `Also=` names may be missing, as for systemd.
                Err(NoLinks::Missing(problem)) if is_declared => self.problems.missing.push(problem),
                Err(NoLinks::Refused(problem)) if is_declared => self.problems.refused.push(problem),
                Err(NoLinks::Missing(_) | NoLinks::Refused(_)) => {}
            }
        }
    }

    fn links(&mut self, found: &install::InstallLinks, is_enabled: bool) {
        if is_enabled {
            for link in &found.links {
                let Ok(path) = format!("{UNITS}{link}").parse() else { continue };
                let target = self.target(&path, &found.file);
                self.link(path, target);
            }
            return;
        }
        for path in found.links.iter().map(|link| format!("{UNITS}{link}")).chain(self.others(found)) {
            if let Ok(path) = path.parse() {
                self.absent(path);
            }
        }
    }

    /// Returns the target for a link to a unit file. A link that leads to a file of this name stays as it is,
    /// because systemd uses only the name: Debian links to `/lib` as well as to `/usr/lib`.
    fn target(&self, path: &ManagedPath, file: &str) -> String {
        let owned = self.state.paths.get(path).and_then(|owned| match &owned.thing {
            Thing::Link { target } => Some(target.clone()),
            Thing::Directory { .. } | Thing::File { .. } | Thing::Absent => None,
        });
        let is_same = |target: &String| Path::new(target).file_name() == Path::new(file).file_name();
        owned
            .filter(is_same)
            .or_else(|| self.link_at(path).filter(is_same))
            .unwrap_or_else(|| file.to_owned())
    }

    /// Returns the links to a unit that its `[Install]` section does not name: those on the host, and those
    /// that an earlier apply removed.
    fn others(&self, found: &install::InstallLinks) -> Vec<String> {
        let wanted_by = |path: &str| {
            let (directory, name) = path.strip_prefix(UNITS)?.split_once('/')?;
            let is_dependency =
                [".wants", ".requires", ".upholds"].iter().any(|end| directory.ends_with(end));
            (is_dependency && name == &*found.unit).then(|| path.to_owned())
        };
        let removed = self.state.paths.iter().filter(|(_, owned)| owned.thing == Thing::Absent);
        let mut others: Vec<String> = removed.filter_map(|(path, _)| wanted_by(path)).collect();
        for directory in fs::read_dir(self.host.path(UNITS)).into_iter().flatten().flatten() {
            let path = format!("{UNITS}{}/{}", directory.file_name().to_string_lossy(), found.unit);
            if self.host.path(&path).is_symlink() {
                others.extend(wanted_by(&path));
            }
        }
        others
    }

    fn link_at(&self, path: &ManagedPath) -> Option<String> {
        let target = fs::read_link(self.host.path(path)).ok()?;
        Some(target.to_string_lossy().into_owned())
    }

    fn link(&mut self, path: ManagedPath, target: String) {
        let on_conflict = OnConflict::Backup;
        self.manifest.entries.entry(path).or_insert(Entry::Link(LinkEntry { target, on_conflict }));
    }

    fn absent(&mut self, path: ManagedPath) {
        let (restart_units, reload_units) = (Vec::new(), Vec::new());
        let on_conflict = OnConflict::Backup;
        let absent = AbsentEntry { recursive: false, restart_units, reload_units, on_conflict };
        self.manifest.entries.entry(path).or_insert(Entry::Absent(absent));
    }
}

fn path_of(unit: &UnitName) -> Option<ManagedPath> {
    format!("{UNITS}{unit}").parse().ok()
}

/// Returns the problem for a state that a unit cannot have.
fn objection(unit: &UnitName, what: &str) -> Problem {
    Problem::new(Code::Unit, format!("unit {unit} {what}"))
        .at(format!("nixfleet.systemd.units.{:?}", &**unit))
}

/// Returns the problem for a unit that the host does not have.
pub(in crate::engine) fn missing(unit: &UnitName) -> Problem {
    objection(unit, "does not exist on the host")
        .help("install the package that has the unit, or remove the declaration")
}
