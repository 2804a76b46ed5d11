//! The objects at managed paths.

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::values::{Mode, Owner, Source, UnitName};

/// What should exist at a path: a directory, a file, a link, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", try_from = "EntryFields")]
pub enum Entry {
    /// A directory. The entry does not manage the content of the directory.
    Directory(Access),
    /// A regular file.
    File(FileEntry),
    /// A symbolic link, owned by root.
    Link(LinkEntry),
    /// Nothing: the path should not exist.
    Absent(AbsentEntry),
}

impl Entry {
    /// Returns mode, owner and group; `None` for [`Entry::Link`] and [`Entry::Absent`].
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::Directory(access) => Some(access),
            Self::File(file) => Some(&file.access),
            Self::Link(_) | Self::Absent(_) => None,
        }
    }

    /// Returns the units to restart when the path changes.
    #[must_use]
    pub fn restart_units(&self) -> &[UnitName] {
        match self {
            Self::File(file) => &file.restart_units,
            Self::Absent(absent) => &absent.restart_units,
            Self::Directory(_) | Self::Link(_) => &[],
        }
    }

    /// Returns the units to reload when the path changes.
    #[must_use]
    pub fn reload_units(&self) -> &[UnitName] {
        match self {
            Self::File(file) => &file.reload_units,
            Self::Absent(absent) => &absent.reload_units,
            Self::Directory(_) | Self::Link(_) => &[],
        }
    }
}

/// The fields of all kinds of entries, as parsed from JSON. Parsing this struct takes a fraction of the time
/// that parsing a tagged enum takes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryFields {
    kind: EntryKind,
    source: Option<Source>,
    sha256: Option<String>,
    size: Option<u64>,
    mode: Option<Mode>,
    owner: Option<Owner>,
    group: Option<Owner>,
    target: Option<String>,
    #[serde(default)]
    restart_units: Vec<UnitName>,
    #[serde(default)]
    reload_units: Vec<UnitName>,
    #[serde(default)]
    on_change: Vec<String>,
    validate: Option<Vec<String>>,
    on_conflict: Option<OnConflict>,
    #[serde(default)]
    recursive: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum EntryKind {
    Directory,
    File,
    Link,
    Absent,
}

impl TryFrom<EntryFields> for Entry {
    type Error = String;

    fn try_from(fields: EntryFields) -> Result<Self, String> {
        let missing = |field: &str| format!("missing field `{field}`");
        let has_content = fields.source.is_some() || fields.sha256.is_some() || fields.size.is_some();
        let has_access = fields.mode.is_some() || fields.owner.is_some() || fields.group.is_some();
        let has_commands = !fields.on_change.is_empty() || fields.validate.is_some();
        let has_hooks = !fields.restart_units.is_empty() || !fields.reload_units.is_empty() || has_commands;
        let access = || {
            Ok(Access {
                mode: fields.mode.ok_or_else(|| missing("mode"))?,
                owner: fields.owner.ok_or_else(|| missing("owner"))?,
                group: fields.group.ok_or_else(|| missing("group"))?,
                list: false,
            })
        };
        let on_conflict = fields.on_conflict.unwrap_or_default();
        match fields.kind {
            EntryKind::Directory
                if has_content
                    || has_hooks
                    || fields.recursive
                    || fields.target.is_some()
                    || fields.on_conflict.is_some() =>
            {
                Err("a directory has only mode, owner and group".to_owned())
            }
            EntryKind::Link if has_content || has_hooks || has_access || fields.recursive => {
                Err("a link has only target and onConflict".to_owned())
            }
            EntryKind::File if fields.target.is_some() || fields.recursive => {
                Err("a file has neither target nor recursive".to_owned())
            }
            EntryKind::Absent if has_content || has_access || has_commands || fields.target.is_some() => {
                Err("nothing has only recursive, onConflict and units".to_owned())
            }
            EntryKind::Directory => access().map(Self::Directory),
            EntryKind::Link => {
                let target = fields.target.ok_or_else(|| missing("target"))?;
                Ok(Self::Link(LinkEntry { target, on_conflict }))
            }
            EntryKind::Absent => Ok(Self::Absent(AbsentEntry {
                recursive: fields.recursive,
                restart_units: fields.restart_units,
                reload_units: fields.reload_units,
                on_conflict,
            })),
            EntryKind::File => Ok(Self::File(FileEntry {
                source: fields.source.ok_or_else(|| missing("source"))?,
                sha256: fields.sha256.ok_or_else(|| missing("sha256"))?,
                size: fields.size.ok_or_else(|| missing("size"))?,
                access: access()?,
                restart_units: fields.restart_units,
                reload_units: fields.reload_units,
                on_change: fields.on_change,
                validate: fields.validate,
                on_conflict,
            })),
        }
    }
}

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// The location of the content: `files/<sha256>` inside the closure, or an absolute store path.
    pub source: Source,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Length of the content, in bytes.
    pub size: u64,
    /// Mode, owner and group.
    #[serde(flatten)]
    pub access: Access,
    /// Units to restart when the file changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_units: Vec<UnitName>,
    /// Units to reload when the file changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reload_units: Vec<UnitName>,
    /// A command to run after the file has changed: the absolute path of a program, followed by its
    /// arguments. Empty if there is no command to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
    /// A command that checks the staged file before it is installed. `%s` in the command is replaced by the
    /// path of the staged file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Vec<String>>,
    /// How to handle an unmanaged file that exists at the path.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkEntry {
    /// The target, as written in the link.
    pub target: String,
    /// How to handle a file, link or directory that exists at the path and is not managed yet.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// A path at which nothing should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsentEntry {
    /// Whether NixFleet may remove a directory from the path together with its content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// Units to restart when a file, link or directory is removed from the path or restored to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_units: Vec<UnitName>,
    /// Units to reload when a file, link or directory is removed from the path or restored to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reload_units: Vec<UnitName>,
    /// How to handle a file, link or directory that exists at the path and is not managed yet.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// How to handle a file, link or directory that exists at a declared path and that NixFleet does not manage
/// yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Refuse the plan, unless the existing file, link or directory already matches the manifest exactly.
    #[default]
    Fail,
    /// Back up the existing file, link or directory, and replace it. When management of the path ends, the
    /// path is removed and the backup is not restored.
    Adopt,
    /// Back up the existing file, link or directory, and replace it. When management of the path ends, the
    /// backup is restored.
    Backup,
}
