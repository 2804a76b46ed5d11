//! The compiled intent of one host, which a backend passes to the builder of the host closure.
//!
//! The builder checks the intent and turns it into a [`crate::manifest::Manifest`]. Nothing is flattened yet:
//! a unit still has its text and drop-ins, and a file still has its inline text. Strings are deliberately not
//! checked when the intent is parsed: a parser would stop at the first mistake, but the builder can report
//! all mistakes at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::apt::intent::AptIntent;
use crate::health::check::Method;
use crate::health::{OnCheckFailure, Side};
use crate::manifest::{OnConflict, Package, UserField};
use crate::nixos::Loader;

/// Everything that a host should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The name of the host.
    pub host: String,
    /// The base (the operating system) that the intent was compiled for. The builder accepts `ubuntu` and
    /// `nixos`.
    pub base: String,
    /// The Nix system of the host.
    pub system: String,
    /// The store path of the activator binary for the host.
    pub activator: String,
    /// The store path of the package profile; `None` if the host has no packages.
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
    /// Paths at which nothing should exist.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// systemd units.
    pub units: Vec<Unit>,
    /// The state of units of the distribution.
    #[serde(default)]
    pub unit_states: Vec<DistributionUnitIntent>,
    /// Health checks.
    #[serde(default)]
    pub health_checks: Vec<HealthCheck>,
    /// Maximum size, in bytes, of a file that a user other than root owns. A larger file of such a user is
    /// neither read nor backed up.
    #[serde(default)]
    pub max_file_size: Option<u64>,
    /// The NixOS system; `None` unless the base is `nixos`.
    #[serde(default)]
    pub nixos: Option<Nixos>,
    /// Packages of apt; `None` if none are declared.
    #[serde(default)]
    pub apt: Option<AptIntent>,
}

/// The NixOS system that the host should run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nixos {
    /// Store path of the system.
    pub toplevel: String,
    /// The boot loader, if it can boot a system once.
    pub loader: Option<Loader>,
    /// Time limit for the activation of the system, in seconds.
    #[serde(default)]
    pub activation_timeout: Option<u64>,
    /// The accounts that the activation of the system creates, as far as they own managed paths.
    #[serde(default)]
    pub accounts: Accounts,
    /// The parts of the system that NixFleet's options declare.
    #[serde(default)]
    pub declared: DeclaredParts,
}

/// The parts of a NixOS system that NixFleet's options declare, with their final values in the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredParts {
    /// The files below `/etc` that NixOS copies.
    pub files: Vec<EtcFile>,
    /// The links below `/etc` that point directly to their targets.
    pub links: Vec<EtcLink>,
    /// The enabled units.
    pub units: Vec<StartedUnit>,
}

/// A file below `/etc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcFile {
    /// Absolute path.
    pub path: String,
    /// Absolute path of the file with the content.
    pub source: String,
    /// Octal permission bits.
    pub mode: String,
    /// Name of the owner.
    pub owner: String,
    /// Name of the group.
    pub group: String,
}

/// A link below `/etc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcLink {
    /// Absolute path.
    pub path: String,
    /// The path that the link points at.
    pub target: String,
}

/// A unit that other units start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartedUnit {
    /// The name of the unit.
    pub name: String,
    /// The units that start it, such as `multi-user.target`.
    pub started_by: Vec<String>,
}

/// The names of users and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accounts {
    /// The names of the users.
    pub users: Vec<String>,
    /// The names of the groups.
    pub groups: Vec<String>,
}

/// A group that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// The name of the group.
    pub name: String,
    /// Numeric id; chosen by the host if `None`.
    pub gid: Option<u32>,
}

/// A user that should exist. Every field has a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The name of the user.
    pub name: String,
    /// Numeric id; chosen by the host if `None`.
    pub uid: Option<u32>,
    /// Primary group.
    pub group: String,
    /// Supplementary groups.
    pub extra_groups: Vec<String>,
    /// Home directory.
    pub home: String,
    /// Whether to create the home directory if it is missing.
    pub create_home: bool,
    /// Login shell.
    pub shell: String,
    /// Whether the host takes the numeric id from the range for system users.
    pub system: bool,
    /// The comment field of the account.
    pub description: String,
    /// The fields that no module sets. These fields contain the values that a new account gets.
    #[serde(default)]
    pub unstated: BTreeSet<UserField>,
}

/// A directory that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// The permission bits in octal, such as `0755`.
    pub mode: String,
    /// Name of the owner.
    pub owner: String,
    /// Name of the group.
    pub group: String,
}

/// A file that should exist with exactly this content. Exactly one of `text` and `source` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// The content, as inline text.
    pub text: Option<String>,
    /// The path of a regular file in the Nix store that contains the content.
    pub source: Option<String>,
    /// Octal permission bits, such as `0644`.
    pub mode: String,
    /// Name of the owner.
    pub owner: String,
    /// Name of the group.
    pub group: String,
    /// Units to restart when the file changes.
    pub restart_units: Vec<String>,
    /// Units to reload when the file changes.
    pub reload_units: Vec<String>,
    /// A command, as a list of words, that is run after the file has changed.
    #[serde(default)]
    pub on_change: Option<Vec<String>>,
    /// A command that checks the new content before the file is installed. `%s` in the command is replaced by
    /// the path of a staged file with the new content.
    pub validate: Option<Vec<String>>,
    /// How to handle an unmanaged file that exists at the path.
    pub on_conflict: OnConflict,
}

/// A symbolic link that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Absolute path.
    pub path: String,
    /// The target of the link: an absolute path, or a path relative to the directory of the link.
    pub target: String,
    /// How to handle a file, link or directory that exists at the path and is not managed yet.
    pub on_conflict: OnConflict,
}

/// A path at which nothing should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Absent {
    /// Absolute path.
    pub path: String,
    /// Whether NixFleet may remove a directory from the path together with its content.
    pub recursive: bool,
    /// Units to restart when a file, link or directory is removed from the path or restored to it.
    pub restart_units: Vec<String>,
    /// Units to reload when a file, link or directory is removed from the path or restored to it.
    pub reload_units: Vec<String>,
    /// How to handle a file, link or directory that exists at the path and is not managed yet.
    pub on_conflict: OnConflict,
}

/// A systemd unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Unit {
    /// Name with suffix, such as `web.service`.
    pub name: String,
    /// The text of the unit file; `None` if the unit belongs to the distribution and only drop-ins are added.
    pub text: Option<String>,
    /// Drop-ins, which become files below `<name>.d/`.
    pub drop_ins: Vec<DropIn>,
    /// Whether the unit is enabled, so that the links of its `[Install]` section exist; `None` for a unit of
    /// the distribution.
    pub enabled: Option<bool>,
    /// Whether to restart the unit when its files change.
    pub restart_if_changed: bool,
    /// Whether to reload the unit when its files change, instead of restarting it.
    pub reload_if_changed: bool,
    /// Whether to stop the unit when NixFleet stops managing it.
    pub stop_if_removed: bool,
    /// Time limit for starting the unit, in seconds; systemd's own limit if `None`.
    #[serde(default)]
    pub start_timeout: Option<u64>,
    /// How long the unit must stay active to count as started, in seconds; a short default if `None`.
    #[serde(default)]
    pub settle: Option<u64>,
    /// Whether to refuse the unit if systemd finds a mistake in it.
    #[serde(default = "yes")]
    pub verify: bool,
    /// How to handle an unmanaged unit file that exists at the path.
    pub on_conflict: OnConflict,
}

const fn yes() -> bool {
    true
}

/// The state of a unit of the distribution. `None` leaves a property of the unit as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DistributionUnitIntent {
    /// Name with suffix, such as `nginx.service`.
    pub name: String,
    /// Whether the links of the unit's `[Install]` section exist.
    pub enabled: Option<bool>,
    /// Whether the unit runs.
    pub running: Option<bool>,
    /// Whether the unit is masked.
    pub masked: Option<bool>,
}

/// One drop-in of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DropIn {
    /// File name, ending in `.conf`.
    pub name: String,
    /// Content of the file.
    pub text: String,
}

/// A health check. Exactly one of `unit`, `http`, `tcp` and `command` is set. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// The name of the health check.
    pub name: String,
    /// A unit that must be active.
    pub unit: Option<String>,
    /// How long the unit in `unit` must have been active.
    pub stable_for: u64,
    /// An HTTP request that must succeed.
    pub http: Option<HttpCheck>,
    /// A TCP port that must accept connections.
    pub tcp: Option<TcpCheck>,
    /// A command, as a list of words, that must end with exit code 0.
    pub command: Option<Vec<String>>,
    /// The maximum pause between two attempts.
    pub interval: u64,
    /// The number of times that a failed attempt is repeated.
    pub retries: u32,
    /// Time limit for one attempt.
    pub timeout: u64,
    /// Time to wait before the first attempt.
    pub start_delay: u64,
    /// The machine that runs the check: the host, or the operator's machine.
    pub from: Side,
    /// The effect of a failed check on the change.
    pub on_failure: OnCheckFailure,
}

/// An HTTP request, and the response that is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCheck {
    /// The URL to request.
    pub url: String,
    /// The request method.
    pub method: Method,
    /// HTTP headers to send with the request.
    pub request_headers: BTreeMap<String, String>,
    /// The expected status code; any code from 200 to 299 if `None`.
    pub status: Option<u16>,
    /// A text that the body of the response must contain.
    pub body_contains: Option<String>,
    /// A regular expression that must match a part of the body of the response.
    pub body_matches: Option<String>,
    /// Response headers that must be present, each with a text that the value of the header must contain.
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
    /// The name or address of the server.
    pub host: String,
    /// The port.
    pub port: u16,
}
