//! Garbage collection of generations: what it would drop on a host, and what it dropped.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::generation::GenerationInfo;
use crate::outcome::Outcome;
use crate::problem::Problem;

/// Which generations a garbage collection keeps, beyond those that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Retention {
    /// This many of the newest generations.
    Newest(usize),
    /// Generations younger than this many seconds.
    Younger(u64),
}

/// A request for a garbage collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which generations to keep.
    pub retention: Retention,
    /// Generations that the inventory pins the host to.
    pub pinned: BTreeSet<u64>,
    /// The revision that the inventory pins the host to, perhaps shortened.
    pub pinned_revision: Option<String>,
    /// Generation changes made by rollouts that have not ended. Neither end is needed once the host has moved
    /// on from them.
    pub rollouts: BTreeSet<Passage>,
}

/// The generation change that a rollout made on a host, from one number to another: `6:7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The generation number before.
    pub before: u64,
    /// The generation number after.
    pub after: u64,
}

impl Passage {
    /// Whether it starts or ends at a generation.
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

/// Why a generation stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// It is in force.
    Current,
    /// `rollback` goes back to it.
    Previous,
    /// The last change of the host came from it or led to it.
    LastChange,
    /// Recovery of an interrupted change needs it.
    Transaction,
    /// The inventory pins the host to it.
    Pinned,
    /// The inventory pins the host to a revision that may be this generation's.
    PinnedRevision,
    /// A rollout that has not ended may need it.
    Rollout,
    /// It is among the newest, which are kept.
    Newest,
    /// It is younger than the requested age.
    Young,
    /// A newer NixFleet on the host has a reason that this one does not know.
    #[serde(other)]
    Other,
}

impl Need {
    /// The reason in words.
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
            Self::Other => "needed, says the host",
        }
    }
}

/// A generation and why it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// The generation.
    #[serde(flatten)]
    pub info: GenerationInfo,
    /// Why it is kept; it is dropped if there is no reason.
    pub needed: Vec<Need>,
}

impl Judged {
    /// Whether it is dropped.
    #[must_use]
    pub const fn goes(&self) -> bool {
        self.needed.is_empty()
    }
}

/// A preview of a garbage collection on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcPlan {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// Identifies the set of generations to drop, so that an outdated approval is refused.
    pub fingerprint: String,
    /// The time from which ages are counted, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// All generations, oldest first.
    pub generations: Vec<Judged>,
    /// An interrupted change. It is recovered first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// The filesystem of the Nix store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// Why nothing can be dropped now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The report of a garbage collection on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcReport {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The generations that were dropped.
    pub dropped: Vec<GenerationInfo>,
    /// The result of collecting the Nix store, if that was done as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Collected>,
    /// The filesystem of the Nix store afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// What an interrupted earlier run left, and how it was recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Wall-clock time on the host, in milliseconds.
    pub duration_ms: u64,
}

/// The result of collecting the Nix store, as Nix reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Collected {
    /// Number of store paths removed.
    pub paths: u64,
    /// Space freed, in bytes; Nix rounds it.
    pub freed: u64,
}

/// Space on a filesystem, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Space available to every user.
    pub free: u64,
    /// Total size.
    pub size: u64,
}
