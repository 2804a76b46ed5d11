//! A plan: what would change on a host, step by step, in the order it would happen.

use serde::{Deserialize, Serialize};

use crate::force::Force;
use crate::health::CheckResult;
use crate::manifest::{Access, Package};
use crate::problem::Problem;
use crate::report::GenerationInfo;
use crate::step::Step;

/// What an apply would do to a host. Computing it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name, from the manifest.
    pub host: String,
    /// Identifies the manifest, the state and what was observed on the host; an apply that finds another one refuses.
    pub fingerprint: String,
    /// The generation in force, if any.
    pub current: Option<Generation>,
    /// The closure that would be in force afterwards.
    pub target: String,
    /// Differences between the package profiles.
    pub packages: PackageChanges,
    /// What would be done, in order. Empty: the host is as it should be.
    pub steps: Vec<Step>,
    /// What on the host is not as the last apply left it.
    pub drift: Vec<Drift>,
    /// Reasons why an apply would refuse before touching anything.
    pub problems: Vec<Problem>,
    /// What an apply would leave as it is, since it was told to, though it is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Warning>,
    /// What an apply would do all the same, though it may not be what was meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Contents, by SHA-256, that the host's tools have to look at and that are not there yet: sent along, they let the plan
    /// say what the tools find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The host's tools have not looked at it yet. They do when the plan is asked for once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unvalidated: bool,
    /// What came of the health checks of a host as it should be, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<Vec<CheckResult>>,
    /// What is known of the generation that the host would go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<GenerationInfo>,
    /// What the host was called when it was last applied to, where it is to go back: a generation of before may have been
    /// made for another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_as: Option<String>,
}

impl Plan {
    /// Takes out the content of files that others on the host may not read, before or afterwards.
    pub fn hide_private(&mut self) {
        for step in &mut self.steps {
            let (mut before, mut after) = step.views_mut();
            if before.iter().chain(&after).any(|view| view.is_private()) {
                before.iter_mut().chain(&mut after).for_each(|view| view.text = None);
            }
        }
    }

    /// Drops the problems that somebody wants to be overruled.
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
    /// Only in the new one.
    pub added: Vec<Package>,
    /// Only in the old one.
    pub removed: Vec<Package>,
    /// In both, from different store paths: old, new.
    pub changed: Vec<(Package, Package)>,
}

/// A file as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    /// SHA-256 of the content, hexadecimal; nothing where it is no regular file.
    pub sha256: Option<String>,
    /// Length in bytes.
    pub size: u64,
    /// Mode, owner, group.
    pub access: Access,
    /// What it points at, where it is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// It was never managed: an edit of it is nobody's business but its owner's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// The content, where it is text of at most [`FileView::TEXT_LIMIT`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Others on the host may not read it: its content is no part of a plan, unless somebody asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl FileView {
    /// The longest content that travels in a plan, in bytes.
    pub const TEXT_LIMIT: u64 = 256 * 1024;

    /// Whether others on the host may not read it. An older NixFleet marks none.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private || self.access.is_private()
    }
}

/// Something that no apply refuses, and that may not be what was meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// A path, a unit or a user.
    pub subject: String,
    /// What is wrong with it, and what to do, for people.
    pub what: String,
}

/// Something that is not as the last apply left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// A path, a unit or a user.
    pub subject: String,
    /// What differs, for people: `content edited`, `mode 0644 → 0600`, `missing`, `not running`.
    pub what: String,
}
