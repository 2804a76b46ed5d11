//! The manifest: everything that a host should have, stored as `manifest.json` in the closure of the host.

mod account;
mod entry;
mod unit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::account::{Group, User, UserField};
pub use self::entry::{AbsentEntry, Entry, FileEntry, LinkEntry, OnConflict};
pub use self::unit::{DistributionUnit, Handling, OnChange, UNITS, Unit};
use crate::SCHEMA;
pub use crate::access::Access;
use crate::apt::declared::DeclaredPackages;
use crate::health::Check;
use crate::nixos::NixosSystem;
use crate::problem::{Code, Problem};
use crate::values::{ManagedPath, UnitName};

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
