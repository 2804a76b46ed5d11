//! Tests of the diff, without access to a real host: which steps follow from the recorded state, the manifest
//! and the observed host.

mod absent;
mod accounts;
mod commands;
mod kinds;
mod unit_limits;
mod unit_names;
mod unit_states;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use expect_test::Expect;
use nixfleet_contract::SCHEMA;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::generation::{GenerationInfo, Made};
use nixfleet_contract::manifest::{Entry, Manifest};
use nixfleet_contract::step::{PathStep, Step};
use nixfleet_contract::values::UnitName;
use serde_json::{Value, json};

use crate::build;
use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::family::paths::entry::PathEntry;
use crate::engine::family::paths::slots::Slot;
use crate::engine::family::profile::entry::ProfileEntry;
use crate::engine::family::system::entry::SystemEntry;
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::observe::{Observed, PathState};
use crate::engine::plan::diff::{TargetView, diff};
use crate::engine::plan::target::Target;
use crate::engine::plan::unit_states::UnitObjections;
use crate::engine::state::State;
use crate::engine::transaction::commit::state_after;
use crate::engine::transaction::journal::written::Facts;
use crate::engine::transaction::journal::{Journal, JournalPhase};
use crate::host::accounts::Accounts;
use crate::host::lock;
use crate::host::systemd::UnitState;

fn unit(name: &str, text: &str, enabled: bool) -> Value {
    json!({
        "name": name, "text": text, "dropIns": [], "enabled": enabled, "restartIfChanged": true,
        "reloadIfChanged": false, "stopIfRemoved": true, "onConflict": "fail",
    })
}

fn file(path: &str, text: &str, restart: &[&str], reload: &[&str]) -> Value {
    json!({
        "path": path, "text": text, "source": null, "mode": "0644", "owner": "root", "group": "root",
        "restartUnits": restart, "reloadUnits": reload, "validate": null, "onConflict": "fail",
    })
}

fn target(closure: &str, files: &[Value], units: &[Value]) -> Target {
    target_without(closure, &[], files, units)
}

/// Creates a target with these files and units, and with paths that are declared absent.
fn target_without(closure: &str, absent: &[Value], files: &[Value], units: &[Value]) -> Target {
    let intent = json!({
        "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux",
        "activator": "/proc/self/exe", "profile": null, "packages": [], "groups": [], "users": [],
        "directories": [], "files": files, "absent": absent, "units": units,
    });
    let intent = build::parse::intent(intent).unwrap();
    let manifest = build::compile::compile(&intent).unwrap().manifest;
    let contents = std::sync::Arc::default();
    let (digest, closure, exclude) = (closure.to_owned(), closure.to_owned(), BTreeSet::new());
    let objections = UnitObjections::default();
    Target { manifest, digest, closure, number: None, contents, with_packages: false, exclude, objections }
}

/// A simulated host in memory. After a target has been applied, the target is in force and its enabled units
/// run.
struct Simulated {
    state: State,
    observed: Observed,
}

impl Simulated {
    fn new() -> Self {
        let accounts = Accounts::parse("root:x:0:0::/root:/bin/sh\n", "root:x:0:\n");
        let observed = Observed { accounts, units: Some(BTreeMap::new()), ..Observed::default() };
        Self { state: State::default(), observed }
    }

    fn on(target: &Target) -> Self {
        let mut host = Self::new();
        host.apply(target);
        host
    }

    fn apply(&mut self, target: &Target) {
        let steps = diff(&self.state, target.view(), &self.observed).steps;
        let number = self.observed.profile.next_number(None);
        let after = Generation { number, closure: target.closure.clone() };
        let journal = Journal {
            schema: SCHEMA,
            transaction: number,
            holder: lock::this_process("me", "apply"),
            phase: JournalPhase::Swapping,
            before: None,
            after: after.clone(),
            entries: steps.iter().map(|step| self.entry(step)).collect(),
            before_units: None,
            boot: String::new(),
        };
        self.state = state_after(&self.state, &self.observed, target, &journal);
        self.observed.profile.current = Some(after.clone());
        self.observed.profile.generations.push(GenerationInfo {
            generation: after,
            created: 0,
            external: false,
            made: Made::default(),
        });
        self.observed.paths = stands(&target.manifest);
        for (name, unit) in &target.manifest.units {
            let running = unit.instance.as_ref().unwrap_or(name);
            self.unit(running, if unit.enabled == Some(true) { "active" } else { "inactive" });
        }
    }

    /// Returns the journal entry of a step. The slot of a path step is empty.
    fn entry(&self, step: &Step) -> JournalEntry {
        match step {
            Step::Account(step) => {
                JournalEntry::Account(AccountEntry::open(step, &self.observed.accounts).unwrap())
            }
            Step::Path(step) => {
                let place = "/var/lib/nixfleet/tx/1/0".parse().unwrap();
                let slot = Facts::of_slot(Slot { place, staged: None, replaced: None }, None);
                let is_done = !matches!(step, PathStep::Own(_) | PathStep::Release(_));
                let facts = if is_done { slot } else { Facts::Nothing };
                JournalEntry::Path(PathEntry::read(step.clone(), facts, None).unwrap())
            }
            Step::Profile(step) => {
                JournalEntry::Profile(ProfileEntry::open(step, &self.observed.profile, None))
            }
            Step::System(step) => {
                JournalEntry::System(SystemEntry::open(step, 1, self.observed.nixos.as_ref(), &self.state))
            }
            Step::Command(step) => JournalEntry::Command(CommandEntry::open(step, &self.state)),
            Step::Unit(step) => JournalEntry::Unit(UnitEntry::open(step, self.observed.units.as_ref())),
        }
    }

    fn unit(&mut self, name: &str, active: &str) -> &mut UnitState {
        let name: UnitName = name.parse().unwrap();
        let state = self.observed.units.as_mut().unwrap().entry(name).or_default();
        (state.active, state.condition) = (active.to_owned(), true);
        state
    }

    fn expect(&self, target: &Target, expected: &Expect) {
        let view = TargetView { number: None, ..target.view() };
        let found = diff(&self.state, view, &self.observed);
        let steps = found.steps.iter().map(|step| step.line().to_string());
        let drift = found.drift.iter().map(|drift| format!("drift {}: {}", drift.subject, drift.what));
        let warnings =
            found.warnings.iter().map(|warning| format!("warning {}: {}", warning.subject, warning.what));
        let problems = found.problems.iter().map(ToString::to_string);
        let lines: String = steps
            .chain(drift)
            .chain(warnings)
            .chain(problems)
            .flat_map(|line| [line, "\n".to_owned()])
            .collect();
        expected.assert_eq(&lines);
    }
}

fn stands(manifest: &Manifest) -> BTreeMap<nixfleet_contract::values::ManagedPath, PathState> {
    let found = manifest.entries.iter().map(|(path, entry)| {
        let found = match entry {
            Entry::Directory(access) => PathState::Directory { access: access.clone(), holds: Vec::new() },
            Entry::File(file) => {
                PathState::File { sha256: file.sha256.clone(), size: file.size, access: file.access.clone() }
            }
            Entry::Link(link) => PathState::Link { target: link.target.clone() },
            Entry::Absent(_) => PathState::Missing,
        };
        (path.clone(), found)
    });
    let mut found: BTreeMap<_, _> = found.collect();
    for directory in crate::engine::observe::directories_above(manifest.standing_paths()) {
        let access = nixfleet_contract::manifest::Access::of_implicit_directory();
        found.entry(directory).or_insert(PathState::Directory { access, holds: Vec::new() });
    }
    found
}

#[test]
fn the_directory_of_slots_is_outside_what_can_be_managed() {
    let path = format!("{}/{}/1/0", crate::host::HOME, crate::engine::family::paths::slots::SLOTS);
    assert!(path.parse::<nixfleet_contract::values::ManagedPath>().is_err());
}
