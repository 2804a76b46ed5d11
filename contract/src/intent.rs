//! The compiled intent of one host: what a backend hands to the builder of the host closure.
//!
//! The builder checks it and turns it into a [`crate::manifest::Manifest`]. Nothing is flattened yet: a unit still
//! has its text and drop-ins, a file still has its inline text. Strings are unchecked on purpose: the builder reports
//! everything that is wrong at once, not only the first thing a parser would trip over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::health::check::Method;
use crate::health::{OnFailure, Side};
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
    /// The activator binary that runs on the host, a store path to the file.
    pub activator: String,
    /// The package profile, a store path, or nothing where no package is named.
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
    /// systemd units.
    pub units: Vec<Unit>,
    /// What shows whether the host is healthy.
    #[serde(default)]
    pub health_checks: Vec<HealthCheck>,
    /// How large a file of somebody else than root may be to be read or kept, in bytes.
    #[serde(default)]
    pub max_file_size: Option<u64>,
}

/// A group that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id; the host chooses where none is given.
    pub gid: Option<u32>,
}

/// A user that should exist, with a value for every field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Name.
    pub name: String,
    /// Numeric id; the host chooses where none is given.
    pub uid: Option<u32>,
    /// Primary group.
    pub group: String,
    /// Further groups.
    pub extra_groups: Vec<String>,
    /// Home directory.
    pub home: String,
    /// Create the home directory where it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: String,
    /// Take the id from the range of system users.
    pub system: bool,
    /// The comment field.
    pub description: String,
    /// Fields that nobody stated, and that have the value of a new account.
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

/// A file that should exist with exactly this content. One of `text` and `source` is given.
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
    /// What to do about a file that stands there already and is not ours.
    pub on_conflict: OnConflict,
}

/// A systemd unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Unit {
    /// Name with suffix, `web.service`.
    pub name: String,
    /// The unit file; nothing where the unit is the distribution's and only drop-ins are added.
    pub text: Option<String>,
    /// Files under `<name>.d/`.
    pub drop_ins: Vec<DropIn>,
    /// Whether the links of its `[Install]` section exist; nothing for a unit of the distribution.
    pub enabled: Option<bool>,
    /// Restart it when its files change.
    pub restart_if_changed: bool,
    /// Reload it when its files change, instead of restarting.
    pub reload_if_changed: bool,
    /// Stop it when it is no longer managed.
    pub stop_if_removed: bool,
    /// How many seconds to wait for its start; as long as systemd itself does, where nothing is said.
    #[serde(default)]
    pub start_timeout: Option<u64>,
    /// How many seconds it has to stay up to count as started; a moment, where nothing is said.
    #[serde(default)]
    pub settle: Option<u64>,
    /// Refuse it where systemd finds something wrong with it.
    #[serde(default = "yes")]
    pub verify: bool,
    /// What to do about a unit file that stands there already and is not ours.
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

/// Something that the host has to do well to count as healthy. One of `unit`, `http`, `tcp` and `command` is given.
/// Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// Name.
    pub name: String,
    /// A unit that has to be active.
    pub unit: Option<String>,
    /// For how long it has to have been active.
    pub stable_for: u64,
    /// A web server that has to answer.
    pub http: Option<HttpCheck>,
    /// Something that has to accept connections.
    pub tcp: Option<TcpCheck>,
    /// A command that has to end with exit code 0, word by word.
    pub command: Option<Vec<String>>,
    /// The longest pause between two attempts.
    pub interval: u64,
    /// How often it is tried again.
    pub retries: u32,
    /// How long an attempt may take.
    pub timeout: u64,
    /// How long to wait before the first attempt.
    pub start_delay: u64,
    /// From where it is tried.
    pub from: Side,
    /// What a failure means.
    pub on_failure: OnFailure,
}

/// What is asked of a web server, and what its answer has to be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCheck {
    /// What is asked for.
    pub url: String,
    /// How.
    pub method: Method,
    /// Headers to send.
    pub request_headers: BTreeMap<String, String>,
    /// The status of a good answer; nothing for any of 200 to 299.
    pub status: Option<u16>,
    /// Text that the body has to contain.
    pub body_contains: Option<String>,
    /// A regular expression that some part of the body has to match.
    pub body_matches: Option<String>,
    /// Headers of a good answer, each with text that it has to contain.
    pub response_headers: BTreeMap<String, String>,
    /// How many redirections to follow.
    pub max_redirects: u32,
    /// Whether the certificate of an `https` server has to be valid.
    pub verify_certificate: bool,
}

/// Something that has to accept connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpCheck {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}
