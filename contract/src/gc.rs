//! Garbage collection of generations: the preview of a collection on a host, and its report.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::generation::GenerationInfo;
use crate::outcome::Outcome;
use crate::problem::Problem;

/// Which generations a garbage collection keeps in addition to the generations that are still needed, such as
/// the generation in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Retention {
    /// Keep this many of the newest generations.
    Newest(usize),
    /// Keep generations younger than this many seconds.
    Younger(u64),
}

/// A request for a garbage collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The generations to keep in addition to the generations that are still needed.
    pub retention: Retention,
    /// The generations that the inventory pins the host to.
    pub pinned: BTreeSet<u64>,
    /// The revision that the inventory pins the host to. It may be abbreviated.
    pub pinned_revision: Option<String>,
    /// Generation changes that unfinished rollouts made on the host. If neither the old nor the new
    /// generation of such a change is in force, the rollout does not need these two generations.
    pub rollouts: BTreeSet<Passage>,
}

/// A change of the generation of a host during a rollout, written as two generation numbers, such as `6:7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The number of the generation before the change.
    pub before: u64,
    /// The number of the generation after the change.
    pub after: u64,
}

impl Passage {
    /// Returns whether `number` is the generation before or after the change.
    #[must_use]
    pub const fn touches(self, number: u64) -> bool {
        self.before == number || self.after == number
    }
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.before, self.after)
    }
}

impl FromStr for Passage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once(':');
        let numbers = numbers.and_then(|(before, after)| Some((before.parse().ok()?, after.parse().ok()?)));
        let passage = numbers.map(|(before, after)| Self { before, after });
        passage.ok_or_else(|| "expected two generations, such as 6:7".to_owned())
    }
}

/// The reason why a generation is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The generation is in force.
    Current,
    /// `rollback` returns to the generation.
    Previous,
    /// The generation was in force before or after the last change of the host.
    LastChange,
    /// Recovery of an interrupted change needs the generation.
    Transaction,
    /// The inventory pins the host to the generation.
    Pinned,
    /// The inventory pins the host to a revision, and the generation may have that revision.
    PinnedRevision,
    /// An unfinished rollout may need the generation.
    Rollout,
    /// The generation is one of the newest generations, and the request keeps this many.
    Newest,
    /// The generation is younger than the requested age.
    Young,
    /// The host runs a newer NixFleet, which reported a reason that this version does not know.
    #[serde(other)]
    Other,
}

impl Need {
    /// Returns the reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "in force",
            Self::Previous => "rollback goes back to it",
            Self::LastChange => "part of the last change",
            Self::Transaction => "needed by an interrupted change",
            Self::Pinned => "pinned in the inventory",
            Self::PinnedRevision => "may be the revision that the inventory pins",
            Self::Rollout => "needed by a rollout that has not ended",
            Self::Newest => "among the newest",
            Self::Young => "not old enough",
            Self::Other => "needed for a reason that this nixfleet does not know",
        }
    }
}

/// A generation, and the reasons to keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// The generation.
    #[serde(flatten)]
    pub info: GenerationInfo,
    /// The reasons to keep the generation. A generation without a reason is dropped.
    pub needed: Vec<Need>,
}

impl Judged {
    /// Returns whether the generation is dropped.
    #[must_use]
    pub const fn goes(&self) -> bool {
        self.needed.is_empty()
    }
}

/// A preview of a garbage collection on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcPlan {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// A digest of the set of generations to drop. If this set changes after the user approved it, the host
    /// refuses to drop any generation.
    pub fingerprint: String,
    /// The time at which the ages of the generations were computed, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// All generations of the host, oldest first.
    pub generations: Vec<Judged>,
    /// A description of an interrupted change, which is recovered before any generation is dropped; `None` if
    /// there is no interrupted change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Free and total space of the filesystem of the Nix store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// The reason why no generation can be dropped now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The report of a garbage collection on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcReport {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The generations that were dropped.
    pub dropped: Vec<GenerationInfo>,
    /// The result of a garbage collection of the Nix store, if the run included one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Collected>,
    /// Free and total space of the filesystem of the Nix store, after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// A description of what an interrupted earlier run left on the host, and of how the host was repaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
    /// The problem that occurred, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// How long the run took on the host, in milliseconds.
    pub duration_ms: u64,
}

/// The result of a garbage collection of the Nix store, as Nix reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Collected {
    /// The number of store paths that were removed.
    pub paths: u64,
    /// The space that was freed, in bytes, as rounded by Nix.
    pub freed: u64,
}

/// Free and total space of a filesystem, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Space available to users other than root.
    pub free: u64,
    /// Total size of the filesystem.
    pub size: u64,
}
