//! The manifest: what a host converges to, as it stands in `manifest.json` of its closure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SCHEMA;
use crate::health::Check;
use crate::problem::{Code, Problem};
use crate::values::{AbsPath, AccountName, ManagedPath, Mode, Owner, Source, UnitName};

/// Everything a host should have, flattened: units are entries under `/etc/systemd/system`, enablement is links.
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
    /// Managed paths and what should stand there. A `BTreeMap` keeps parents before children.
    pub entries: BTreeMap<ManagedPath, Entry>,
    /// Units by name.
    pub units: BTreeMap<UnitName, Unit>,
    /// What shows whether the host is healthy, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<Check>,
    /// How large a file of somebody else than root may be to be read or kept, in bytes; 64 MiB where
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_size: Option<u64>,
}

/// As much of a manifest as tells whether the rest can be read.
#[derive(Deserialize)]
struct Head {
    schema: u32,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`] where it has another schema, another shape, or a value that is not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let invalid = |error: serde_json::Error| {
            Problem::new(Code::InvalidManifest, "The manifest cannot be read").because(error)
        };
        // At once, since a manifest may be large; only one that does not fit is looked at again for its schema.
        let manifest = serde_json::from_slice::<Self>(bytes);
        let schema = match &manifest {
            Ok(manifest) => manifest.schema,
            Err(_) => serde_json::from_slice::<Head>(bytes).map_err(invalid)?.schema,
        };
        if schema != SCHEMA {
            return Err(Problem::new(
                Code::InvalidManifest,
                "The manifest has a schema this activator cannot read",
            )
            .because(format!("it is {schema}, and {SCHEMA} is expected"))
            .help("use the activator of the closure itself"));
        }
        manifest.map_err(invalid)
    }

    /// Whether others on the host may not read a file with this access, for its own mode or for a directory above it.
    #[must_use]
    pub fn is_private(&self, path: &ManagedPath, access: &Access) -> bool {
        let is_closed = |above: ManagedPath| match self.entries.get(&above) {
            Some(Entry::Directory(access)) => access.mode.bits() & 0o001 == 0,
            Some(Entry::File(_) | Entry::Link(_)) | None => false,
        };
        access.is_private() || path.ancestors().any(is_closed)
    }
}

/// A package of the host's profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Package {
    /// Name without version.
    pub name: String,
    /// Version, empty where the package states none.
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
    /// Numeric id; the host chooses where none is given.
    pub gid: Option<u32>,
}

/// A user. It has a value for every field: those of a new account where nothing is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Name: any that a host may have. An account is only created where it is an [`AccountName`].
    pub name: Owner,
    /// Numeric id; the host chooses where none is given.
    pub uid: Option<u32>,
    /// Primary group, which exists or is created first.
    pub group: Owner,
    /// Further groups. Membership in groups that are not named is left alone.
    pub extra_groups: Vec<Owner>,
    /// Home directory.
    pub home: AbsPath,
    /// Create the home directory where it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: AbsPath,
    /// Take the id from the range of system users.
    pub system: bool,
    /// The comment field.
    pub description: String,
    /// Fields that nobody stated: they leave an account alone that was there before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unstated: BTreeSet<UserField>,
}

impl User {
    /// Whether somebody stated a field.
    #[must_use]
    pub fn states(&self, field: UserField) -> bool {
        !self.unstated.contains(&field)
    }
}

/// A field of a user that may be left unstated.
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

/// What should stand at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", try_from = "EntryFields")]
pub enum Entry {
    /// A directory; its content is not managed by this entry.
    Directory(Access),
    /// A regular file.
    File(FileEntry),
    /// A symbolic link, owned by root.
    Link(LinkEntry),
}

impl Entry {
    /// Mode, owner, group; a link has none of its own.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::Directory(access) => Some(access),
            Self::File(file) => Some(&file.access),
            Self::Link(_) => None,
        }
    }
}

/// An entry as it is read: all fields of all kinds side by side, which takes a fraction of the time that telling the
/// kinds apart first would take.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryFields {
    kind: Kind,
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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Directory,
    File,
    Link,
}

impl TryFrom<EntryFields> for Entry {
    type Error = String;

    fn try_from(fields: EntryFields) -> Result<Self, String> {
        let missing = |field: &str| format!("missing field `{field}`");
        let has_content = fields.source.is_some() || fields.sha256.is_some() || fields.size.is_some();
        let has_access = fields.mode.is_some() || fields.owner.is_some() || fields.group.is_some();
        let has_hooks = !fields.restart_units.is_empty()
            || !fields.reload_units.is_empty()
            || !fields.on_change.is_empty()
            || fields.validate.is_some();
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
            Kind::Directory
                if has_content || has_hooks || fields.target.is_some() || fields.on_conflict.is_some() =>
            {
                Err("a directory has only mode, owner and group".to_owned())
            }
            Kind::Link if has_content || has_hooks || has_access => {
                Err("a link has only target and onConflict".to_owned())
            }
            Kind::File if fields.target.is_some() => Err("a file has no target".to_owned()),
            Kind::Directory => access().map(Self::Directory),
            Kind::Link => {
                let target = fields.target.ok_or_else(|| missing("target"))?;
                Ok(Self::Link(LinkEntry { target, on_conflict }))
            }
            Kind::File => Ok(Self::File(FileEntry {
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

/// Who may do what with a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Octal permission bits, `0640`.
    pub mode: Mode,
    /// Owner by name.
    pub owner: Owner,
    /// Group by name.
    pub group: Owner,
    /// A file that was found has an access control list beside them. None of ours has one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
}

impl Access {
    /// What a directory gets that only exists because something managed stands in it.
    #[must_use]
    pub fn of_implicit_directory() -> Self {
        Self { mode: Mode::DIRECTORY, owner: Owner::root(), group: Owner::root(), list: false }
    }

    /// Whether others may not read a file.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.mode.bits() & 0o004 == 0
    }

    /// Whether nobody but the owner of a directory and root can replace what stands in it: neither group nor others
    /// may write, or the directory is sticky and root's.
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
    /// Where the content stands: `files/<sha256>` inside the closure, or an absolute store path.
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
    /// A command to run when the file has changed: the program by its path, and its arguments; empty for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
    /// A command that must accept the staged file; `%s` stands for its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Vec<String>>,
    /// What to do about a file that stands there already and is not ours.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkEntry {
    /// What it points at, as written.
    pub target: String,
    /// What to do about something that stands there already and is not ours.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// What to do about something that NixFleet does not own at a path it should manage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Refuse in the plan, unless it is already exactly what is wanted.
    #[default]
    Fail,
    /// Take it over: replace it, and remove it when management ends. A copy is kept.
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
    /// The links of its `[Install]` section; empty unless it is enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ManagedPath>,
    /// The unit that runs where this one is a template: the instance that `DefaultInstance` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<UnitName>,
    /// Whether it is enabled; nothing for a unit of the distribution.
    pub enabled: Option<bool>,
    /// What to do with a running unit whose files changed.
    pub on_change: OnChange,
    /// Stop it when it is no longer managed.
    pub stop_if_removed: bool,
    /// How many seconds to wait for its start; as long as systemd itself does, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<u64>,
    /// How many seconds it has to stay up to count as started; a moment, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<u64>,
    /// Refuse it where systemd finds something wrong with it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub verify: bool,
    /// What its text says of how it can be handled.
    #[serde(default, skip_serializing_if = "Handling::is_nothing")]
    pub handling: Handling,
}

/// What the text of a unit and of its drop-ins says of how systemd lets it be handled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handling {
    /// `RefuseManualStart=`, where it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_start: Option<bool>,
    /// `RefuseManualStop=`, where it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses_stop: Option<bool>,
    /// It does a piece of work and ends: `Type=oneshot`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneshot: bool,
    /// It states how it is reloaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reloads: bool,
    /// The one service that a socket starts, and that must be down when the socket starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activates: Option<UnitName>,
    /// `User=` of a service, where it is a name that has to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `Group=` of a service, where it is a name that has to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Handling {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Where units of the administrator stand, from systemd.unit(5).
pub const UNITS: &str = "/etc/systemd/system/";

impl Unit {
    /// How long to wait for its start, where something is said.
    #[must_use]
    pub fn start_limit(&self) -> Option<Duration> {
        self.start_timeout.map(Duration::from_secs)
    }

    /// Other names that its links give it.
    pub fn aliases(&self) -> impl Iterator<Item = UnitName> {
        let names = self.links.iter().filter_map(|link| link.strip_prefix(UNITS));
        names.filter(|name| !name.contains('/')).filter_map(|name| name.parse().ok())
    }

    /// The units that its links hang on: those that start it.
    pub fn wanted_by(&self) -> impl Iterator<Item = UnitName> {
        let directories = self.links.iter().filter_map(|link| link.strip_prefix(UNITS)?.split_once('/'));
        directories.filter_map(|(directory, _)| directory.rsplit_once('.')?.0.parse().ok())
    }

    /// How long it has to stay up, where something is said.
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
