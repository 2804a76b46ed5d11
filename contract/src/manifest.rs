//! The manifest: everything that a host should have, stored as `manifest.json` in the closure of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SCHEMA;
pub use crate::access::Access;
use crate::apt::declared::DeclaredPackages;
use crate::health::Check;
use crate::nixos::NixosSystem;
use crate::problem::{Code, Problem};
use crate::values::{AbsPath, AccountName, ManagedPath, Mode, Owner, Source, UnitName};

/// Everything that a host should have, in flattened form: the files of a unit are entries below
/// `/etc/systemd/system`, and an enabled unit has links as further entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The name of the host.
    pub host: String,
    /// The base that the manifest was compiled for, such as `ubuntu`.
    pub base: String,
    /// The Nix system of the host.
    pub system: String,
    /// Packages of the profile, sorted by name.
    pub packages: Vec<Package>,
    /// Groups, sorted by name.
    pub groups: Vec<Group>,
    /// Users, sorted by name.
    pub users: Vec<User>,
    /// Managed paths, each with the file, link or directory that should exist there, or with the rule that
    /// nothing should exist. A `BTreeMap` sorts parents before children.
    pub entries: BTreeMap<ManagedPath, Entry>,
    /// Units, by name.
    pub units: BTreeMap<UnitName, Unit>,
    /// The state of units of the distribution, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unit_states: BTreeMap<UnitName, DistributionUnit>,
    /// Health checks, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<Check>,
    /// Maximum size, in bytes, of a file that a user other than root owns; 64 MiB if `None`. A larger file of
    /// such a user is neither read nor backed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_size: Option<u64>,
    /// The NixOS system; `None` unless the base is `nixos`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nixos: Option<NixosSystem>,
    /// Packages of apt; `None` if none are declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apt: Option<DeclaredPackages>,
}

/// The schema version of a manifest, which shows whether the other fields can be read.
#[derive(Deserialize)]
struct ManifestHead {
    schema: u32,
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`] if the manifest has another schema, another shape, or an invalid value.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let invalid = |error: serde_json::Error| {
            Problem::new(Code::InvalidManifest, "the manifest cannot be read").because(error)
        };
        // The manifest is parsed in one pass, since it may be large. If parsing fails, the manifest is parsed
        // again, to find its schema.
        let manifest = serde_json::from_slice::<Self>(bytes);
        let schema = match &manifest {
            Ok(manifest) => manifest.schema,
            Err(_) => serde_json::from_slice::<ManifestHead>(bytes).map_err(invalid)?.schema,
        };
        if schema != SCHEMA {
            return Err(Problem::new(
                Code::InvalidManifest,
                "the manifest has a schema that this activator cannot read",
            )
            .because(format!(
                "the manifest has schema {schema}, but this activator can read only schema {SCHEMA}"
            ))
            .help("use the activator from the same closure as the manifest"));
        }
        manifest.map_err(|error| {
            invalid(error).help(
                "use the activator from the same closure as the manifest; if the activator is a prebuilt file \
                 (`activator.<system>` of mkFleet), build this file again",
            )
        })
    }

    /// Returns whether a file with this access is private: users other than the owner and the group cannot
    /// read it, because of the mode of the file or of a directory above it.
    #[must_use]
    pub fn is_private(&self, path: &ManagedPath, access: &Access) -> bool {
        let is_closed = |above: ManagedPath| match self.entries.get(&above) {
            Some(Entry::Directory(access)) => access.mode.bits() & 0o001 == 0,
            Some(Entry::File(_) | Entry::Link(_) | Entry::Absent(_)) | None => false,
        };
        access.is_private() || path.ancestors().any(is_closed)
    }

    /// Returns the paths at which a file, link or directory should exist. The parent directories of these
    /// paths are needed too.
    pub fn standing_paths(&self) -> impl Iterator<Item = &ManagedPath> {
        self.entries.iter().filter(|(_, entry)| !matches!(entry, Entry::Absent(_))).map(|(path, _)| path)
    }
}

/// A package of the host's profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Package {
    /// Name without version.
    pub name: String,
    /// Version; empty if the package has none.
    pub version: String,
    /// Store path of the package.
    pub path: String,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// The name of the group.
    pub name: AccountName,
    /// Numeric id; chosen by the host if `None`.
    pub gid: Option<u32>,
}

/// A user. Every field has a value: a field that no module sets has the value of a new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The name of the user. An existing account may have any name. A new account is created only if the name
    /// is an [`AccountName`].
    pub name: Owner,
    /// Numeric id; chosen by the host if `None`.
    pub uid: Option<u32>,
    /// The primary group. It exists already, or is created before the user.
    pub group: Owner,
    /// The supplementary groups. Memberships in groups that are not listed here are not changed.
    pub extra_groups: Vec<Owner>,
    /// Home directory.
    pub home: AbsPath,
    /// Whether to create the home directory if it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: AbsPath,
    /// Whether the host takes the numeric id from the range for system users.
    pub system: bool,
    /// The comment field of the account.
    pub description: String,
    /// The fields that no module sets. An existing account keeps its own values of these fields.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

impl User {
    /// Returns whether a module sets a field.
    #[must_use]
    pub fn states(&self, field: UserField) -> bool {
        !self.unstated.contains(&field)
    }
}

/// A field of a user that modules may leave unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserField {
    /// Primary group.
    Group,
    /// Home directory.
    Home,
    /// Whether to create the home directory.
    CreateHome,
    /// Login shell.
    Shell,
    /// Whether the account is a system account.
    System,
    /// The comment field of the account.
    Description,
}

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

/// A systemd unit of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    /// The managed paths that make up the unit: its file and its drop-ins.
    pub files: Vec<ManagedPath>,
    /// The links that the `[Install]` section defines; empty if the unit is not enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ManagedPath>,
    /// For a template with `DefaultInstance=`, the instance that this setting names. The links in `links`
    /// make systemd start this instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<UnitName>,
    /// Whether the unit is enabled; `None` for a unit of the distribution.
    pub enabled: Option<bool>,
    /// The action for the unit if it is running and its files changed.
    pub on_change: OnChange,
    /// Whether to stop the unit when NixFleet stops managing it.
    pub stop_if_removed: bool,
    /// Time limit for starting the unit, in seconds; systemd's own limit if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<u64>,
    /// How long the unit must stay active to count as started, in seconds; a short default if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<u64>,
    /// Whether to refuse the unit if systemd finds a mistake in it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub verify: bool,
    /// Settings in the text of the unit that limit how systemd can start, stop or reload the unit.
    #[serde(default, skip_serializing_if = "Handling::is_nothing")]
    pub handling: Handling,
}

/// Settings in the text of a unit and its drop-ins that limit how systemd can start, stop or reload the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handling {
    /// The value of `RefuseManualStart=`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_start: Option<bool>,
    /// The value of `RefuseManualStop=`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_stop: Option<bool>,
    /// Whether the unit is of `Type=oneshot`, so that it exits when its work is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneshot: bool,
    /// Whether the unit defines how it is reloaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reloads: bool,
    /// For a socket that starts a single service, the name of the service. systemd starts the socket only
    /// while the service is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activates: Option<UnitName>,
    /// The value of `User=` of a service, if the value is the name of a user that must exist on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The value of `Group=` of a service, if the value is the name of a group that must exist on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Handling {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The state that a unit of the distribution should have. `None` leaves a property of the unit as it is. The
/// property is as it was before when it is no longer declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DistributionUnit {
    /// Whether the links of the unit's `[Install]` section exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether the unit runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Whether the unit is masked. systemd starts a masked unit in no way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<bool>,
}

impl DistributionUnit {
    /// Returns whether the unit runs after an apply; `None` if the apply leaves the unit as it is. A masked
    /// unit does not run.
    #[must_use]
    pub const fn runs(self) -> Option<bool> {
        if matches!(self.masked, Some(true)) { Some(false) } else { self.running }
    }
}

/// The directory for the unit files of the administrator, see systemd.unit(5).
pub const UNITS: &str = "/etc/systemd/system/";

impl Unit {
    /// Returns the time limit for starting the unit, if set.
    #[must_use]
    pub fn start_limit(&self) -> Option<Duration> {
        self.start_timeout.map(Duration::from_secs)
    }

    /// Returns the aliases of the unit: the names of its links directly in [`UNITS`].
    pub fn aliases(&self) -> impl Iterator<Item = UnitName> {
        let names = self.links.iter().filter_map(|link| link.strip_prefix(UNITS));
        names.filter(|name| !name.contains('/')).filter_map(|name| name.parse().ok())
    }

    /// Returns the units whose `.wants/`, `.requires/` or similar directories contain links to this unit.
    /// When one of these units starts, this unit starts too.
    pub fn wanted_by(&self) -> impl Iterator<Item = UnitName> {
        let directories = self.links.iter().filter_map(|link| link.strip_prefix(UNITS)?.split_once('/'));
        directories.filter_map(|(directory, _)| directory.rsplit_once('.')?.0.parse().ok())
    }

    /// Returns how long the unit must stay active to count as started, if set.
    #[must_use]
    pub fn settle(&self) -> Option<Duration> {
        self.settle.map(Duration::from_secs)
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// The action for a running unit whose files changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnChange {
    /// Restart the unit.
    Restart,
    /// Reload the unit.
    Reload,
    /// Leave the unit running unchanged.
    Nothing,
}
