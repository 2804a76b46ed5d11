//! Totals of the plans of all hosts.

use std::fmt;

use nixfleet_contract::plan::Plan;
use nixfleet_contract::step::{PathStep, Step};

use super::plan::{Section, section};
use nixfleet_operator::text::hosts;

/// The number of changes of each kind, in the plans of all hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    hosts: usize,
    packages: usize,
    /// Packages that apt installs, upgrades or removes.
    of_apt: usize,
    accounts: usize,
    paths: usize,
    commands: usize,
    units: usize,
    /// Hosts whose NixOS system or boot default changes.
    systems: usize,
    /// Health checks that are added, removed or changed.
    checks: usize,
}

impl Totals {
    /// Adds the changes of a plan. A plan with problems is not added, since it cannot be carried out.
    pub fn add(&mut self, plan: &Plan) {
        if (plan.steps.is_empty() && plan.apt.is_none()) || !plan.problems.is_empty() {
            return;
        }
        self.hosts += 1;
        let packages = &plan.packages;
        self.packages += packages.added.len() + packages.removed.len() + packages.changed.len();
        self.of_apt += plan.apt.as_ref().map_or(0, |apt| apt.packages.len());
        self.checks += plan.check_changes.len();
        self.systems += usize::from(plan.steps.iter().any(|step| step.as_system().is_some()));
        for step in &plan.steps {
            match section(step) {
                Section::Users => self.accounts += 1,
                // These two steps change nothing at the path itself, so they are not counted.
                Section::Files if matches!(step, Step::Path(PathStep::Own(_) | PathStep::Release(_))) => {}
                Section::Files => self.paths += 1,
                Section::Commands => self.commands += 1,
                Section::Units => self.units += 1,
                // The activation and the boot default of one host count once.
                Section::System | Section::Nowhere => {}
            }
        }
    }

    /// Returns whether there are no changes.
    pub const fn is_empty(self) -> bool {
        self.hosts == 0
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.of_apt, "package of apt", "packages of apt"),
            (self.packages, "package", "packages"),
            (self.accounts, "account", "accounts"),
            (self.paths, "path", "paths"),
            (self.commands, "command", "commands"),
            (self.units, "unit", "units"),
            (self.systems, "NixOS system", "NixOS systems"),
            (self.checks, "health check", "health checks"),
        ];
        let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
            .collect();
        let what =
            if counts.is_empty() { "nothing but the generation".to_owned() } else { counts.join(", ") };
        write!(f, "{what} on {}", hosts(self.hosts))
    }
}
