//! The manifest: what a host converges to, stored as `manifest.json` in its closure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SCHEMA;
use crate::health::Check;
use crate::problem::{Code, Problem};
use crate::values::{AbsPath, AccountName, ManagedPath, Mode, Owner, Source, UnitName};

/// Everything a host should have, flattened: units are entries under `/etc/systemd/system`, enablement is
/// links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name.
    pub host: String,
    /// The base it was compiled for, `ubuntu`.
    pub base: String,
    /// The host's Nix system.
    pub system: String,
    /// Packages of the profile, sorted by name.
    pub packages: Vec<Package>,
    /// Groups, sorted by name.
    pub groups: Vec<Group>,
    /// Users, sorted by name.
    pub users: Vec<User>,
    /// Managed paths, with what should be there. A `BTreeMap` keeps parents before children.
    pub entries: BTreeMap<ManagedPath, Entry>,
    /// Units by name.
    pub units: BTreeMap<UnitName, Unit>,
    /// Health checks, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<Check>,
    /// Maximum size of a file that another user than root owns, to be read or backed up, in bytes; 64 MiB if
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_size: Option<u64>,
}

/// The part of a manifest that tells whether the rest can be read.
#[derive(Deserialize)]
struct ManifestHead {
    schema: u32,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`] if it has another schema, another shape, or an invalid value.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let invalid = |error: serde_json::Error| {
            Problem::new(Code::InvalidManifest, "the manifest cannot be read").because(error)
        };
        // Parsed in one pass, since a manifest may be large. Only if that fails, it is read again for its
        // schema.
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
            .because(format!("its schema is {schema}, but this activator reads {SCHEMA}"))
            .help("use the activator that is part of the closure"));
        }
        manifest.map_err(invalid)
    }

    /// Whether others on the host cannot read a file with this access, because of its own mode or that of a
    /// directory above it.
    #[must_use]
    pub fn is_private(&self, path: &ManagedPath, access: &Access) -> bool {
        let is_closed = |above: ManagedPath| match self.entries.get(&above) {
            Some(Entry::Directory(access)) => access.mode.bits() & 0o001 == 0,
            Some(Entry::File(_) | Entry::Link(_) | Entry::Absent(_)) | None => false,
        };
        access.is_private() || path.ancestors().any(is_closed)
    }

    /// The paths where something should be, so that their parent directories are needed.
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
    /// Version; empty if the package states none.
    pub version: String,
    /// Its store path.
    pub path: String,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Name.
    pub name: AccountName,
    /// Numeric id; the host chooses one if `None`.
    pub gid: Option<u32>,
}

/// A user, with a value for every field. A field that no module stated has the value of a new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Name: any name that an existing account may have. A new account is created only if it is an
    /// [`AccountName`].
    pub name: Owner,
    /// Numeric id; the host chooses one if `None`.
    pub uid: Option<u32>,
    /// Primary group. It exists or is created first.
    pub group: Owner,
    /// Further groups. Memberships in other groups are left alone.
    pub extra_groups: Vec<Owner>,
    /// Home directory.
    pub home: AbsPath,
    /// Create the home directory if it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: AbsPath,
    /// Take the id from the range of system users.
    pub system: bool,
    /// The comment field.
    pub description: String,
    /// Fields that no module stated: an existing account keeps its own values.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

impl User {
    /// Whether a module stated a field.
    #[must_use]
    pub fn states(&self, field: UserField) -> bool {
        !self.unstated.contains(&field)
    }
}

/// A field of a user that may be unstated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserField {
    /// Primary group.
    Group,
    /// Home directory.
    Home,
    /// Whether the home directory is created.
    CreateHome,
    /// Login shell.
    Shell,
    /// Whether the account is for a service.
    System,
    /// The comment field.
    Description,
}

/// The kind of thing that should be at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", try_from = "EntryFields")]
pub enum Entry {
    /// A directory; this entry does not manage its content.
    Directory(Access),
    /// A regular file.
    File(FileEntry),
    /// A symbolic link, owned by root.
    Link(LinkEntry),
    /// Nothing.
    Absent(AbsentEntry),
}

impl Entry {
    /// Mode, owner and group; `None` for a link and for nothing.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::Directory(access) => Some(access),
            Self::File(file) => Some(&file.access),
            Self::Link(_) | Self::Absent(_) => None,
        }
    }

    /// Units to restart when the path changes.
    #[must_use]
    pub fn restart_units(&self) -> &[UnitName] {
        match self {
            Self::File(file) => &file.restart_units,
            Self::Absent(absent) => &absent.restart_units,
            Self::Directory(_) | Self::Link(_) => &[],
        }
    }

    /// Units to reload when the path changes.
    #[must_use]
    pub fn reload_units(&self) -> &[UnitName] {
        match self {
            Self::File(file) => &file.reload_units,
            Self::Absent(absent) => &absent.reload_units,
            Self::Directory(_) | Self::Link(_) => &[],
        }
    }
}

/// An entry as it is parsed: all fields of all kinds side by side. This takes a fraction of the time that a
/// tagged enum takes.
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

/// Mode, owner and group of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Octal permission bits, `0640`.
    pub mode: Mode,
    /// Owner by name.
    pub owner: Owner,
    /// Group by name.
    pub group: Owner,
    /// The file on the host has an access control list as well. Managed files never have one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
}

impl Access {
    /// The access of a directory that exists only because something managed is in it.
    #[must_use]
    pub fn of_implicit_directory() -> Self {
        Self { mode: Mode::DIRECTORY, owner: Owner::root(), group: Owner::root(), list: false }
    }

    /// Whether others cannot read a file.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.mode.bits() & 0o004 == 0
    }

    /// Whether only the owner of a directory and root can replace what is in it: neither group nor others may
    /// write, or the directory is sticky and owned by root.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let bits = self.mode.bits();
        bits & 0o022 == 0 || (bits & 0o1000 != 0 && *self.owner == *"root")
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
    /// Length of the content in bytes.
    pub size: u64,
    /// Mode, owner, group.
    #[serde(flatten)]
    pub access: Access,
    /// Units to restart when the file changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_units: Vec<UnitName>,
    /// Units to reload when the file changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reload_units: Vec<UnitName>,
    /// A command to run when the file has changed: the absolute path of a program, and its arguments; empty
    /// for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
    /// A command that must accept the staged file; `%s` stands for its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Vec<String>>,
    /// What to do if an unmanaged file exists at the path.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkEntry {
    /// The target, as written in the link.
    pub target: String,
    /// What to do if something unmanaged exists at the path.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// A path where nothing should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsentEntry {
    /// A directory may be taken away together with its content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// Units to restart when something is taken away or put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_units: Vec<UnitName>,
    /// Units to reload when something is taken away or put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reload_units: Vec<UnitName>,
    /// What to do if something unmanaged exists at the path.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// What to do if something that NixFleet does not own exists at a managed path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Refuse in the plan, unless it already matches the manifest exactly.
    #[default]
    Fail,
    /// Take it over: replace it, and remove it when management ends. A backup is made.
    Adopt,
    /// Replace it, and put it back as it was when management ends.
    Backup,
}

/// A systemd unit of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    /// The entries that make up the unit: its file and its drop-ins.
    pub files: Vec<ManagedPath>,
    /// The links of its `[Install]` section; empty unless the unit is enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ManagedPath>,
    /// For a template, the instance that `DefaultInstance` names; the links start that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<UnitName>,
    /// Whether it is enabled; `None` for a unit of the distribution.
    pub enabled: Option<bool>,
    /// What to do with a running unit whose files changed.
    pub on_change: OnChange,
    /// Stop it when it is no longer managed.
    pub stop_if_removed: bool,
    /// Seconds to wait for its start; systemd's own timeout if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<u64>,
    /// Seconds it must stay up to count as started; a short default if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<u64>,
    /// Refuse it if systemd finds a mistake in it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub verify: bool,
    /// Settings of its text that limit how it can be handled.
    #[serde(default, skip_serializing_if = "Handling::is_nothing")]
    pub handling: Handling,
}

/// Settings in the text of a unit and its drop-ins that limit how systemd can handle it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handling {
    /// `RefuseManualStart=`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_start: Option<bool>,
    /// `RefuseManualStop=`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_stop: Option<bool>,
    /// `Type=oneshot`: it does a piece of work and ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneshot: bool,
    /// Whether it defines how to reload it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reloads: bool,
    /// The one service that this socket starts. It must be down when the socket starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activates: Option<UnitName>,
    /// `User=` of a service, if it is a name that must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `Group=` of a service, if it is a name that must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Handling {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The directory for units of the administrator, from systemd.unit(5).
pub const UNITS: &str = "/etc/systemd/system/";

impl Unit {
    /// How long to wait for its start, if set.
    #[must_use]
    pub fn start_limit(&self) -> Option<Duration> {
        self.start_timeout.map(Duration::from_secs)
    }

    /// Other names of the unit, given by its links.
    pub fn aliases(&self) -> impl Iterator<Item = UnitName> {
        let names = self.links.iter().filter_map(|link| link.strip_prefix(UNITS));
        names.filter(|name| !name.contains('/')).filter_map(|name| name.parse().ok())
    }

    /// The units whose `.wants/` or similar directories hold its links: starting one of them starts the unit.
    pub fn wanted_by(&self) -> impl Iterator<Item = UnitName> {
        let directories = self.links.iter().filter_map(|link| link.strip_prefix(UNITS)?.split_once('/'));
        directories.filter_map(|(directory, _)| directory.rsplit_once('.')?.0.parse().ok())
    }

    /// How long it must stay up, if set.
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

/// What to do with a running unit whose files changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnChange {
    /// Restart it.
    Restart,
    /// Reload it.
    Reload,
    /// Leave it running as it is.
    Nothing,
}
