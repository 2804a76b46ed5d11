//! The compiled intent of one host: what a backend passes to the builder of the host closure.
//!
//! The builder checks it and turns it into a [`crate::manifest::Manifest`]. Nothing is flattened yet: a unit
//! still has its text and drop-ins, a file still has its inline text. Strings are unchecked on purpose, so
//! that the builder can report all mistakes at once, and not only the first that a parser finds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::health::check::Method;
use crate::health::{OnCheckFailure, Side};
use crate::manifest::{OnConflict, Package, UserField};

/// Everything a host should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// The host's name.
    pub host: String,
    /// The base it was compiled for, `ubuntu`.
    pub base: String,
    /// The host's Nix system.
    pub system: String,
    /// The activator binary for the host: the store path of the file.
    pub activator: String,
    /// The store path of the package profile; `None` without packages.
    pub profile: Option<String>,
    /// The packages of the profile.
    pub packages: Vec<Package>,
    /// Groups to create.
    pub groups: Vec<Group>,
    /// Users to create.
    pub users: Vec<User>,
    /// Directories to create.
    pub directories: Vec<Directory>,
    /// Files to write.
    pub files: Vec<File>,
    /// Symbolic links to make.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Paths where nothing should be.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// systemd units.
    pub units: Vec<Unit>,
    /// Health checks.
    #[serde(default)]
    pub health_checks: Vec<HealthCheck>,
    /// Maximum size of a file that another user than root owns, to be read or backed up, in bytes.
    #[serde(default)]
    pub max_file_size: Option<u64>,
}

/// A group that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id; the host chooses one if `None`.
    pub gid: Option<u32>,
}

/// A user that should exist, with a value for every field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Name.
    pub name: String,
    /// Numeric id; the host chooses one if `None`.
    pub uid: Option<u32>,
    /// Primary group.
    pub group: String,
    /// Further groups.
    pub extra_groups: Vec<String>,
    /// Home directory.
    pub home: String,
    /// Create the home directory if it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: String,
    /// Take the id from the range of system users.
    pub system: bool,
    /// The comment field.
    pub description: String,
    /// Fields that no module stated; they hold the values of a new account.
    #[serde(default)]
    pub unstated: BTreeSet<UserField>,
}

/// A directory that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// Octal permission bits, `0755`.
    pub mode: String,
    /// Owner by name.
    pub owner: String,
    /// Group by name.
    pub group: String,
}

/// A file that should exist with exactly this content. Exactly one of `text` and `source` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// The content itself.
    pub text: Option<String>,
    /// A regular file in the Nix store that holds the content.
    pub source: Option<String>,
    /// Octal permission bits, `0644`.
    pub mode: String,
    /// Owner by name.
    pub owner: String,
    /// Group by name.
    pub group: String,
    /// Units to restart when the file changes.
    pub restart_units: Vec<String>,
    /// Units to reload when the file changes.
    pub reload_units: Vec<String>,
    /// A command to run when the file has changed, word by word.
    #[serde(default)]
    pub on_change: Option<Vec<String>>,
    /// A command that must accept the new content first; `%s` stands for the staged file.
    pub validate: Option<Vec<String>>,
    /// What to do if an unmanaged file exists at the path.
    pub on_conflict: OnConflict,
}

/// A symbolic link that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Absolute path.
    pub path: String,
    /// What it points at: an absolute path, or one relative to the directory of the link.
    pub target: String,
    /// What to do if something unmanaged exists at the path.
    pub on_conflict: OnConflict,
}

/// A path where nothing should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Absent {
    /// Absolute path.
    pub path: String,
    /// A directory may be taken away together with its content.
    pub recursive: bool,
    /// Units to restart when something is taken away or put back.
    pub restart_units: Vec<String>,
    /// Units to reload when something is taken away or put back.
    pub reload_units: Vec<String>,
    /// What to do if something unmanaged exists at the path.
    pub on_conflict: OnConflict,
}

/// A systemd unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Unit {
    /// Name with suffix, `web.service`.
    pub name: String,
    /// The unit file; `None` if the unit is the distribution's and only drop-ins are added.
    pub text: Option<String>,
    /// Files under `<name>.d/`.
    pub drop_ins: Vec<DropIn>,
    /// Whether the links of its `[Install]` section exist; `None` for a unit of the distribution.
    pub enabled: Option<bool>,
    /// Restart it when its files change.
    pub restart_if_changed: bool,
    /// Reload it when its files change, instead of restarting.
    pub reload_if_changed: bool,
    /// Stop it when it is no longer managed.
    pub stop_if_removed: bool,
    /// Seconds to wait for its start; systemd's own timeout if `None`.
    #[serde(default)]
    pub start_timeout: Option<u64>,
    /// Seconds it must stay up to count as started; a short default if `None`.
    #[serde(default)]
    pub settle: Option<u64>,
    /// Refuse it if systemd finds a mistake in it.
    #[serde(default = "yes")]
    pub verify: bool,
    /// What to do if an unmanaged unit file exists at the path.
    pub on_conflict: OnConflict,
}

const fn yes() -> bool {
    true
}

/// One drop-in of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DropIn {
    /// File name, ending in `.conf`.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A health check. Exactly one of `unit`, `http`, `tcp` and `command` is set. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// Name.
    pub name: String,
    /// A unit that must be active.
    pub unit: Option<String>,
    /// How long it must have been active.
    pub stable_for: u64,
    /// An HTTP request that must succeed.
    pub http: Option<HttpCheck>,
    /// A TCP port that must accept connections.
    pub tcp: Option<TcpCheck>,
    /// A command that must end with exit code 0, word by word.
    pub command: Option<Vec<String>>,
    /// The longest pause between two attempts.
    pub interval: u64,
    /// How often a failed attempt is repeated.
    pub retries: u32,
    /// Time limit of an attempt.
    pub timeout: u64,
    /// How long to wait before the first attempt.
    pub start_delay: u64,
    /// Where the check runs.
    pub from: Side,
    /// The effect of a failure.
    pub on_failure: OnCheckFailure,
}

/// An HTTP request, and what its response must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCheck {
    /// The address to request.
    pub url: String,
    /// The request method.
    pub method: Method,
    /// Headers to send.
    pub request_headers: BTreeMap<String, String>,
    /// The expected status; any of 200 to 299 if `None`.
    pub status: Option<u16>,
    /// Text that the body must contain.
    pub body_contains: Option<String>,
    /// A regular expression that must match some part of the body.
    pub body_matches: Option<String>,
    /// Required response headers, each with text that it must contain.
    pub response_headers: BTreeMap<String, String>,
    /// Maximum number of redirects to follow.
    pub max_redirects: u32,
    /// Whether the certificate of an `https` server must be valid.
    pub verify_certificate: bool,
}

/// A TCP port that must accept connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpCheck {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}
