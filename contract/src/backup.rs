//! Backups: content that NixFleet kept before it replaced or removed it.

use serde::{Deserialize, Serialize};

use crate::gc::Disk;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::values::Mode;

/// Why a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BackupReason {
    /// Somebody had edited a managed path by hand.
    HandEdit,
    /// It stood at the path before NixFleet managed it.
    Original,
    /// An interrupted change left it, and it could not be put back in place.
    Leftover,
    /// A newer NixFleet on the host has a reason that this one does not know.
    #[serde(other)]
    Other,
}

impl BackupReason {
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
    pub kind: BackupReason,
    /// The path that was backed up; the last part of `place` if that path is not known.
    pub path: String,
    /// Where the backup is on the host.
    pub place: String,
    /// The generation whose apply or rollback made it, if known.
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
    /// It is a directory with its content. `size` is that of its files, as far as nobody but root may change
    /// the directories they are in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
    /// It is put back when management of its path ends.
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
    /// Sorted by path, then by age, oldest first.
    pub backups: Vec<Backup>,
    /// The filesystem that holds the backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// An interrupted change. It is recovered before a backup is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Why no backup can be dropped now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The backups to drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropRequest {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// As they were listed. If one of them has changed since, none is dropped.
    pub backups: Vec<Backup>,
}

/// The result of dropping backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropReport {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The backups that were dropped.
    pub dropped: Vec<Backup>,
    /// The filesystem that held them, after the run.
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

/// The line that precedes the content of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The backup.
    pub backup: Backup,
    /// Other backups that match the request, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Backup>,
    /// Number of bytes that follow: the content of a file, or the target of a link.
    pub bytes: u64,
}
