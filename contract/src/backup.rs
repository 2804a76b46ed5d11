//! Backups: content that NixFleet kept before it replaced or removed it.

use serde::{Deserialize, Serialize};

use crate::gc::Disk;
use crate::problem::Problem;
use crate::report::Outcome;
use crate::values::Mode;

/// Why a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody had edited a managed path by hand.
    HandEdit,
    /// It stood at the path before NixFleet managed it.
    Original,
    /// An interrupted change left it, and it could not go back to where it stood.
    Leftover,
    /// A newer NixFleet on the host has a reason that this one does not know.
    #[serde(other)]
    Other,
}

impl Kind {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandEdit => "hand edit",
            Self::Original => "original",
            Self::Leftover => "leftover",
            Self::Other => "other",
        }
    }
}

/// One backup on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Why it was made.
    pub kind: Kind,
    /// The path that it is a backup of; where that is not known, the end of its place.
    pub path: String,
    /// Where it stands on the host.
    pub place: String,
    /// The generation whose apply or rollback made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// Its size, in bytes.
    pub size: u64,
    /// Its permission bits.
    pub mode: Mode,
    /// It is a symbolic link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link: bool,
    /// It comes back when management of its path ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needed: bool,
}

/// All backups on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backups {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The moment of the list, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// By path, those of one path by age, oldest first.
    pub backups: Vec<Backup>,
    /// The filesystem they stand on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// An interrupted change, which is recovered before a backup is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Why none can be dropped now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Which backups are to be dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropRequest {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// As they were listed. Where one of them is not the same any more, none is dropped.
    pub backups: Vec<Backup>,
}

/// How dropping backups ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropReport {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Those that went.
    pub dropped: Vec<Backup>,
    /// The filesystem they stood on, afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// What an interrupted earlier run had left, and how it was recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Wall-clock time on the host, in milliseconds.
    pub duration_ms: u64,
}

/// Stands on a line of its own before the content of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The backup.
    pub backup: Backup,
    /// Other backups that were meant as well, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Backup>,
    /// How many bytes follow: the content of a file, or the target of a link.
    pub bytes: u64,
}
