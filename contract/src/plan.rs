//! A plan: what would change on a host, step by step, in the order of execution.

use serde::{Deserialize, Serialize};

use crate::force::Force;
use crate::generation::{Generation, GenerationInfo};
use crate::health::CheckResult;
use crate::manifest::Package;
use crate::problem::Problem;
use crate::step::Step;

/// The changes that an apply would make on a host. Computing them changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// Identifies the manifest, the state and the observations on the host; an apply that computes another
    /// fingerprint refuses.
    pub fingerprint: String,
    /// The generation in force, if any.
    pub current: Option<Generation>,
    /// The closure that would be in force after the apply.
    pub target: String,
    /// Differences between the package profiles.
    pub packages: PackageChanges,
    /// The steps, in order; empty if the host needs no change.
    pub steps: Vec<Step>,
    /// Differences between the host and what the last apply left.
    pub drift: Vec<Drift>,
    /// Reasons why an apply would refuse before touching anything.
    pub problems: Vec<Problem>,
    /// Differences that an apply would leave alone, because the operator said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "leftOut")]
    pub excluded: Vec<Warning>,
    /// Effects that an apply would not refuse, but that may be unintended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// SHA-256 of contents that the host's tools must check and that the host lacks. Send them with the next
    /// plan to get it validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The host's tools have not checked the plan yet. They do when the plan is requested again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unvalidated: bool,
    /// Results of the health checks, if they were requested and the host needs no change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Vec<CheckResult>>,
    /// The generation that the host would roll back to, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<GenerationInfo>,
    /// For a rollback, the host's name at the last apply: an earlier generation may have been made for
    /// another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_as: Option<String>,
}

impl Plan {
    /// Removes the content of files that others on the host cannot read, before or after the change.
    pub fn hide_private(&mut self) {
        for step in &mut self.steps {
            let (mut before, mut after) = step.views_mut();
            if before.iter().chain(&after).any(|view| view.is_private()) {
                before.iter_mut().chain(&mut after).for_each(|view| view.text = None);
            }
        }
    }

    /// Removes the problems that the operator overrules.
    pub fn overrule(&mut self, force: &[Force]) {
        self.problems.retain(|problem| !force.iter().any(|force| force.overrules(problem)));
    }
}

/// Differences between two package profiles, each list sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageChanges {
    /// Packages only in the new profile.
    pub added: Vec<Package>,
    /// Packages only in the old profile.
    pub removed: Vec<Package>,
    /// Packages in both, from different store paths: old, new.
    pub changed: Vec<(Package, Package)>,
}

/// An effect that no apply refuses, but that may be unintended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// A path, a unit or a user.
    pub subject: String,
    /// The effect and what to do about it, for people.
    pub what: String,
}

/// A difference between the host and what the last apply left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// A path, a unit or a user.
    pub subject: String,
    /// What differs, for people: `content edited`, `mode 0644 → 0600`, `missing`, `not running`.
    pub what: String,
}
