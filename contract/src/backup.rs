//! Backups of content that NixFleet replaced or removed.

use serde::{Deserialize, Serialize};

use crate::gc::Disk;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::values::Mode;

/// The reason why a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BackupReason {
    /// A managed path was edited by hand.
    HandEdit,
    /// The content was at the path before NixFleet managed the path.
    Original,
    /// An interrupted change left the content behind, and recovery could not put the content back at its
    /// path.
    Leftover,
    /// The backup was made by a newer NixFleet, for a reason that this version does not know.
    #[serde(other)]
    Other,
}

impl BackupReason {
    /// Returns the reason in words.
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
    /// The reason why the backup was made.
    pub kind: BackupReason,
    /// The path that was backed up; the last component of `place` if the original path is not known.
    pub path: String,
    /// The path of the backup itself on the host.
    pub place: String,
    /// The number of the generation whose apply or rollback made the backup, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The time at which the backup was made, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// The size of the backup, in bytes.
    pub size: u64,
    /// The permission bits of the backup.
    pub mode: Mode,
    /// Whether the backup is a symbolic link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link: bool,
    /// Whether the backup is a directory with its content. In that case, `size` is the total size of the
    /// files in it; files in a subdirectory that users other than root may change are not counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
    /// Whether the backup is restored when NixFleet stops managing the path.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needed: bool,
}

/// All backups on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backups {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The time at which the list was made, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// The backups, sorted by path, then by age, oldest first.
    pub backups: Vec<Backup>,
    /// Free and total space of the filesystem that holds the backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// A description of an interrupted change, which is recovered before any backup is dropped; `None` if
    /// there is no interrupted change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// The reason why no backup can be dropped now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A request to drop backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropRequest {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The backups to drop, as the host listed them. If one of these backups has changed since it was listed,
    /// no backup is dropped.
    pub backups: Vec<Backup>,
}

/// The result of dropping backups on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropReport {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The backups that were dropped.
    pub dropped: Vec<Backup>,
    /// Free and total space, after the run, of the filesystem that held the dropped backups.
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

/// The JSON line that the host sends before the content of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The backup whose content follows.
    pub backup: Backup,
    /// Other backups that match the request, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Backup>,
    /// The number of bytes that follow: the content of a file, or the target of a link.
    pub bytes: u64,
}
