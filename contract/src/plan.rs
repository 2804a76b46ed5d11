//! The plan of an apply: the changes that the apply would make on a host, step by step, in order of
//! execution.

use serde::{Deserialize, Serialize};

use crate::apt::plan::AptPlan;
use crate::force::Force;
use crate::generation::{Generation, GenerationInfo};
use crate::health::{CheckChanges, CheckResult};
use crate::manifest::Package;
use crate::problem::Problem;
use crate::step::Step;
use crate::step::system::ActivateSystem;
use crate::values::UnitName;

/// The changes that an apply would make on a host. Planning itself changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// A digest of the manifest, the recorded state and the steps. If apt would change packages, a dot and
    /// the fingerprint of [`AptPlan`] follow. An apply that computes another fingerprint refuses the plan.
    pub fingerprint: String,
    /// The run that was interrupted on the host, such as `apply by ada@desk, begun 5 min ago`. The plan is
    /// for the host as it is now. An apply first recovers the host, which may change the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// The generation in force, if any.
    pub current: Option<Generation>,
    /// The revision of the flake from which the generation in force was made, with `-dirty` if there were
    /// uncommitted changes; `None` if it is not known, or if the plan has no steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_revision: Option<String>,
    /// The closure that would be in force after the apply.
    pub target: String,
    /// Differences between the packages of the current and of the new generation.
    pub packages: PackageChanges,
    /// Differences between the health checks of the current and of the new generation.
    #[serde(default, skip_serializing_if = "CheckChanges::is_empty")]
    pub check_changes: CheckChanges,
    /// What apt would do before and after the steps; `None` if apt has nothing to do. Its problems are among
    /// those of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apt: Option<AptPlan>,
    /// The steps, in order; empty if the host needs no change.
    pub steps: Vec<Step>,
    /// Differences between the host and the result of the last apply.
    pub drift: Vec<Drift>,
    /// Reasons why an apply would refuse the plan and change nothing.
    pub problems: Vec<Problem>,
    /// Differences at paths that the operator excluded with `--force PATH`, and at files that only NixOS can
    /// restore. An apply would leave these paths unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "leftOut")]
    pub excluded: Vec<Warning>,
    /// Effects that may be unintended, but that would not make an apply refuse the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// The parts of the target that take effect only when the host is restarted after the change, such as
    /// `kernel`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits_boot: Vec<String>,
    /// The units that the activation of a NixOS system would change; `None` if no system is activated, or if
    /// the host does not know the units of the new system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemChanges>,
    /// The lines that `switch-to-configuration dry-activate` of the new NixOS system printed; empty if this
    /// command was not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_activation: Vec<String>,
    /// SHA-256 digests of contents that are needed for the plan but are not on the host yet: files that tools
    /// on the host have to check, and the summary of the new NixOS system. The next request for a plan must
    /// include these contents, so that the plan can be completed and validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// Whether the tools on the host have not checked the plan yet. The tools check the plan when the plan is
    /// requested again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unvalidated: bool,
    /// Results of the health checks, if they were requested and the host needs no change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Vec<CheckResult>>,
    /// For a rollback, the generation that the host would return to, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<GenerationInfo>,
    /// For a rollback, the host name in the manifest that was last applied. The manifest of the earlier
    /// generation may contain another host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_as: Option<String>,
}

impl Plan {
    /// A fingerprint that no plan has. An apply that expects this fingerprint recovers the host from an
    /// interrupted run, and does nothing else.
    pub const NONE: &str = "recover";

    /// Removes the contents of private files. A file is private if some users on the host cannot read it
    /// before or after the change.
    pub fn hide_private(&mut self) {
        for step in &mut self.steps {
            let (mut before, mut after) = step.views_mut();
            if before.iter().chain(&after).any(|view| view.is_private()) {
                before.iter_mut().chain(&mut after).for_each(|view| view.text = None);
            }
        }
    }

    /// Whether an apply of the plan would change the host.
    #[must_use]
    pub const fn is_to_change(&self) -> bool {
        self.problems.is_empty()
            && (!self.steps.is_empty() || self.apt.is_some() || self.interrupted.is_some())
    }

    /// Returns the activation of a NixOS system, if the plan has one.
    #[must_use]
    pub fn activation(&self) -> Option<&ActivateSystem> {
        self.steps.iter().find_map(|step| step.as_system()?.activation())
    }

    /// Whether the plan changes which NixOS system the host boots.
    #[must_use]
    pub fn changes_boot(&self) -> bool {
        self.steps.iter().filter_map(Step::as_system).any(|step| step.activation().is_none())
    }

    /// Removes the problems that the operator overrules with `--force`.
    pub fn overrule(&mut self, force: &[Force]) {
        self.problems.retain(|problem| !force.iter().any(|force| force.overrules(problem)));
    }
}

/// Differences between the packages of two generations. Each list is sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageChanges {
    /// Packages that are only in the new generation.
    pub added: Vec<Package>,
    /// Packages that are only in the old generation.
    pub removed: Vec<Package>,
    /// Packages that are in both generations but differ, each as a pair of the old and the new package.
    pub changed: Vec<(Package, Package)>,
}

/// The units that the activation of a NixOS system would change, by the rules of `switch-to-configuration`.
/// Each list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemChanges {
    /// Units that would be stopped and not started again, for example because the new system does not have
    /// them.
    pub stop: Vec<String>,
    /// Units that would be started.
    pub start: Vec<String>,
    /// Units that would be restarted.
    pub restart: Vec<String>,
    /// Units that would be reloaded.
    pub reload: Vec<String>,
    /// Units that change, but whose old version would keep running, because their settings forbid a restart.
    pub skip: Vec<String>,
}

/// An effect that may be unintended, but that does not make an apply refuse the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// The path, unit or user that is affected.
    pub subject: String,
    /// A text for people that describes the effect and how to respond to it.
    pub what: String,
}

/// A difference between the host and the result of the last apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The path, unit or user that differs.
    pub subject: String,
    /// The difference as a text for people, such as `content edited`, `mode 0644 → 0600`, `missing` or
    /// `not running`.
    pub what: String,
}

impl Drift {
    /// The subject of the drift that another NixOS system runs than the last change activated.
    pub const RUNNING_SYSTEM: &str = "/run/current-system";
    /// The text of the drift that the starts of a unit of a new package are held.
    const HELD_START: &str = "does not start before an apply succeeds";

    /// Creates the drift of a unit of a new package whose starts are held.
    #[must_use]
    pub fn of_held_start(unit: &UnitName) -> Self {
        Self { subject: unit.to_string(), what: Self::HELD_START.to_owned() }
    }

    /// Whether this is the drift of a unit whose starts are held.
    #[must_use]
    pub fn is_held_start(&self) -> bool {
        self.what == Self::HELD_START
    }
}
