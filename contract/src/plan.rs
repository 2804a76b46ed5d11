//! A plan: what would change on a host, step by step, in the order of execution.

use serde::{Deserialize, Serialize};

use crate::force::Force;
use crate::health::CheckResult;
use crate::manifest::{Access, Package};
use crate::problem::Problem;
use crate::report::GenerationInfo;
use crate::step::Step;

/// The changes that an apply would make on a host. Computing them changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// Identifies the manifest, the state and the observations on the host; an apply that computes another fingerprint refuses.
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
    /// SHA-256 of contents that the host's tools must check and that the host lacks. Send them with the next plan to get it
    /// validated.
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
    /// For a rollback, the host's name at the last apply: an earlier generation may have been made for another name.
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

/// A generation of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// Its closure.
    pub closure: String,
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

/// A file as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    /// SHA-256 of the content, hexadecimal; `None` if it is not a regular file.
    pub sha256: Option<String>,
    /// Length in bytes.
    pub size: u64,
    /// Mode, owner, group.
    pub access: Access,
    /// The target, if it is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// It was never managed, so an edit of it does not count as a hand edit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// The content, if it is text of at most [`FileView::TEXT_LIMIT`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Others on the host cannot read it. A plan shows its content only on request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl FileView {
    /// Maximum size of a content that a plan carries, in bytes.
    pub const TEXT_LIMIT: u64 = 256 * 1024;

    /// Whether others on the host cannot read it. An older NixFleet does not mark such files.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private || self.access.is_private()
    }
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
