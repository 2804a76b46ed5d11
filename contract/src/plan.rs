//! The plan of an apply: the changes that it would make on a host, step by step, in order of execution.

use serde::{Deserialize, Serialize};

use crate::force::Force;
use crate::generation::{Generation, GenerationInfo};
use crate::health::CheckResult;
use crate::manifest::Package;
use crate::problem::Problem;
use crate::step::Step;

/// The changes that an apply would make on a host. Planning itself changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// A digest of the manifest, the recorded state and the steps. An apply refuses if it computes another
    /// fingerprint.
    pub fingerprint: String,
    /// The generation in force, if any.
    pub current: Option<Generation>,
    /// The closure that would be in force after the apply.
    pub target: String,
    /// Differences between the package profiles.
    pub packages: PackageChanges,
    /// The steps, in order; empty if the host needs no change.
    pub steps: Vec<Step>,
    /// Differences between the host and the result of the last apply.
    pub drift: Vec<Drift>,
    /// Reasons for which an apply would refuse before it touches anything.
    pub problems: Vec<Problem>,
    /// Differences that an apply would leave unchanged because the operator excluded their paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "leftOut")]
    pub excluded: Vec<Warning>,
    /// Effects that may be unintended, but for which an apply would not refuse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// SHA-256 digests of contents that tools on the host must check and that are not on the host. The next
    /// request for a plan must include these contents, so that the plan can be validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// Whether the tools on the host must still check the plan. They do so when the plan is requested again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unvalidated: bool,
    /// Results of the health checks, if they were requested and the host needs no change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Vec<CheckResult>>,
    /// The generation that the host would roll back to, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<GenerationInfo>,
    /// For a rollback, the name under which the host was last applied. The earlier generation may be for
    /// another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_as: Option<String>,
}

impl Plan {
    /// Removes the content of files that some users on the host cannot read, before or after the change.
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

/// Differences between two package profiles. Each list is sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageChanges {
    /// Packages that are only in the new profile.
    pub added: Vec<Package>,
    /// Packages that are only in the old profile.
    pub removed: Vec<Package>,
    /// Packages that are in both profiles with different store paths, as pairs of old and new.
    pub changed: Vec<(Package, Package)>,
}

/// An effect that may be unintended, but for which an apply does not refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// The path, unit or user that is affected.
    pub subject: String,
    /// The effect and how to respond to it, for people.
    pub what: String,
}

/// A difference between the host and the result of the last apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The path, unit or user that differs.
    pub subject: String,
    /// The difference, for people: `content edited`, `mode 0644 → 0600`, `missing`, `not running`.
    pub what: String,
}
