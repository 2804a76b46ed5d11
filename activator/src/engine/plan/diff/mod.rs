//! State, manifest and observed host → steps. Pure: the same three always give the same steps.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use nixfleet_contract::manifest::{Manifest, Package};
use nixfleet_contract::plan::{Drift, PackageChanges, Warning};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::{Step, UnitStep};
use nixfleet_contract::values::ManagedPath;

use crate::engine::family::profile::diff::switch;
use crate::engine::observe::{Found, Observed};
use crate::engine::state::State;

/// A target, as the pure part of the engine takes it.
#[derive(Clone, Copy, Debug)]
pub struct TargetView<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Its closure.
    pub closure: &'a str,
    /// The number of the generation, if the target is a generation that exists.
    pub number: Option<u64>,
    /// Paths that are left as they are, with all that is managed below them.
    pub exclude: &'a BTreeSet<ManagedPath>,
}

/// What would be done and why it might be refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// What would be done, in order.
    pub steps: Vec<Step>,
    /// What is not as the last transaction left it.
    pub drift: Vec<Drift>,
    /// Why an apply would refuse.
    pub problems: Vec<Problem>,
    /// Paths that are excluded though they are not as declared, and why.
    pub excluded: Vec<Warning>,
    /// What may not be what was meant.
    pub warnings: Vec<Warning>,
}

/// Finds the steps from a host as it stands to what it should become.
#[must_use]
pub fn diff(state: &State, target: TargetView<'_>, observed: &Observed) -> Diff {
    let mut differ = Differ {
        state,
        manifest: target.manifest,
        observed,
        in_force: state.closure.as_deref() == Some(target.closure),
        returns: target.number.is_some(),
        exclude: target.exclude,
        excluded: Vec::new(),
        drift: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        changed: BTreeSet::new(),
        new_directories: BTreeSet::new(),
        reload_daemon: false,
    };
    differ.profile();
    let mut accounts = differ.accounts();
    differ.check_ids();
    let paths = differ.paths();
    let units = differ.units();
    differ.former_accounts(&units.stop, &mut accounts);
    let reload = differ.reload_daemon.then_some(Step::Unit(UnitStep::DaemonReload));
    let steps = accounts
        .create
        .into_iter()
        .chain(units.stop)
        .chain(paths.in_order())
        .chain(reload)
        .chain(switch(state, target, observed))
        .chain(differ.commands())
        .chain(units.restart)
        .chain(units.start)
        .chain(units.reload)
        .chain(accounts.end)
        .collect();
    let Differ { drift, problems, excluded, warnings, .. } = differ;
    Diff { steps, drift, problems, excluded, warnings }
}

/// Where the three meet. Collects what is found on the way.
pub(in crate::engine) struct Differ<'a> {
    pub(in crate::engine) state: &'a State,
    pub(in crate::engine) manifest: &'a Manifest,
    pub(in crate::engine) observed: &'a Observed,
    /// The manifest is that of the last transaction, so whatever differs has been changed since.
    pub(in crate::engine) in_force: bool,
    /// The target is a generation that was in force once.
    pub(in crate::engine) returns: bool,
    pub(in crate::engine) exclude: &'a BTreeSet<ManagedPath>,
    pub(in crate::engine) excluded: Vec<Warning>,
    pub(in crate::engine) drift: Vec<Drift>,
    pub(in crate::engine) problems: Vec<Problem>,
    pub(in crate::engine) warnings: Vec<Warning>,
    /// Paths whose content or access would change: they decide which units are affected.
    pub(in crate::engine) changed: BTreeSet<ManagedPath>,
    /// Paths that would become directories.
    pub(in crate::engine) new_directories: BTreeSet<ManagedPath>,
    /// Something systemd reads would change.
    pub(in crate::engine) reload_daemon: bool,
}

impl<'a> Differ<'a> {
    /// What stands at a path: nothing below what is yet to become a directory.
    pub(in crate::engine) fn found(&self, path: &ManagedPath) -> &'a Found {
        match self.observed.found(path) {
            Found::Unreachable(_)
                if path.parent().is_some_and(|above| self.new_directories.contains(&above)) =>
            {
                &Found::Missing
            }
            found => found,
        }
    }

    pub(in crate::engine) fn warn(&mut self, subject: &impl ToString, what: impl Into<String>) {
        self.warnings.push(Warning { subject: subject.to_string(), what: what.into() });
    }

    pub(in crate::engine) fn drifted(&mut self, subject: &impl ToString, what: impl Into<String>) {
        self.drift.push(Drift { subject: subject.to_string(), what: what.into() });
    }
}

/// Differences between two package profiles. A package is one name; several versions of it count one by one.
#[must_use]
pub fn package_changes(old: &[Package], new: &[Package]) -> PackageChanges {
    let without = |these: &[Package], those: &[Package]| -> Vec<Package> {
        let mut rest: Vec<Package> =
            these.iter().filter(|package| !those.contains(package)).cloned().collect();
        rest.sort();
        rest
    };
    let mut removed = without(old, new);
    let mut changes = PackageChanges::default();
    for package in without(new, old) {
        match removed.iter().position(|old| old.name == package.name) {
            Some(index) => changes.changed.push((removed.remove(index), package)),
            None => changes.added.push(package),
        }
    }
    changes.removed = removed;
    changes
}
