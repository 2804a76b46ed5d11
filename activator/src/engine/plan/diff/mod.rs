//! Computes the steps of a plan from the recorded state, the manifest and the observed host. The same input
//! always gives the same steps.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use nixfleet_contract::manifest::{Manifest, Package};
use nixfleet_contract::plan::{Drift, PackageChanges, Warning};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::{Step, UnitStep};
use nixfleet_contract::values::ManagedPath;

use crate::engine::family::profile::diff::switch;
use crate::engine::family::system::diff::other_base;
use crate::engine::observe::{Observed, PathState};
use crate::engine::state::State;

/// The parts of a target that the diff compares.
#[derive(Clone, Copy, Debug)]
pub struct TargetView<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The store path of the closure.
    pub closure: &'a str,
    /// The number of the generation, if the target is an existing generation of the host.
    pub number: Option<u64>,
    /// The excluded paths. The change leaves these paths and all managed paths below them as they are.
    pub exclude: &'a BTreeSet<ManagedPath>,
}

/// The steps that a change would consist of, and everything to report about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Differences between the host and what the last transaction left.
    pub drift: Vec<Drift>,
    /// Reasons why an apply would refuse to make the change.
    pub problems: Vec<Problem>,
    /// Those of the problems that a package may solve that apt installs before the change: accounts and units
    /// that do not exist yet.
    pub awaits_package: Vec<Problem>,
    /// Excluded paths that are not as declared, each with a description of the difference.
    pub excluded: Vec<Warning>,
    /// Warnings about effects of the change that may be unintended.
    pub warnings: Vec<Warning>,
    /// The parts of the target that take effect only when the host boots, such as `kernel`.
    pub awaits_boot: Vec<String>,
}

/// Computes the steps that bring an observed host to a target.
#[must_use]
pub fn diff(state: &State, target: TargetView<'_>, observed: &Observed) -> Diff {
    // The host has nothing in common with a closure for another base, so nothing else is worth a report.
    if let Some(problem) = other_base(target.manifest, observed) {
        return Diff { problems: vec![problem], ..Diff::default() };
    }
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
        awaits_package: Vec::new(),
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
    let system = differ.system();
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
        .chain(system.steps)
        .collect();
    let Differ { drift, problems, awaits_package, excluded, warnings, .. } = differ;
    Diff { steps, drift, problems, awaits_package, excluded, warnings, awaits_boot: system.awaits_boot }
}

/// Compares state, manifest and observed host, and collects the findings.
pub(in crate::engine) struct Differ<'a> {
    pub(in crate::engine) state: &'a State,
    pub(in crate::engine) manifest: &'a Manifest,
    pub(in crate::engine) observed: &'a Observed,
    /// Whether the target is in force already, so that every difference between host and manifest was made
    /// after the last transaction.
    pub(in crate::engine) in_force: bool,
    /// Whether the target is a generation that was in force before.
    pub(in crate::engine) returns: bool,
    pub(in crate::engine) exclude: &'a BTreeSet<ManagedPath>,
    pub(in crate::engine) excluded: Vec<Warning>,
    pub(in crate::engine) drift: Vec<Drift>,
    pub(in crate::engine) problems: Vec<Problem>,
    pub(in crate::engine) awaits_package: Vec<Problem>,
    pub(in crate::engine) warnings: Vec<Warning>,
    /// Paths whose content or access would change. These paths determine which units are affected.
    pub(in crate::engine) changed: BTreeSet<ManagedPath>,
    /// Paths that would become directories.
    pub(in crate::engine) new_directories: BTreeSet<ManagedPath>,
    /// Whether a file that systemd reads would change.
    pub(in crate::engine) reload_daemon: bool,
}

impl<'a> Differ<'a> {
    /// Returns the observed state of a path. A path in a directory that the change creates counts as missing
    /// if the path cannot be reached yet.
    pub(in crate::engine) fn found(&self, path: &ManagedPath) -> &'a PathState {
        match self.observed.found(path) {
            PathState::Unreachable(_)
                if path.parent().is_some_and(|above| self.new_directories.contains(&above)) =>
            {
                &PathState::Missing
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

/// Returns the differences between two package profiles. Packages are matched by name. If a profile contains
/// several versions of a package, each of them is matched with at most one version in the other profile.
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
