//! The inventory of a fleet: plain data from the flake output `nixfleet.fleet`, which Nix evaluates without
//! evaluating any package.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::notification::Notification;
use crate::os::policy::OsPolicy;
use crate::policy::{Amount, PolicyOptions};
use crate::values::{Word, word};

/// All hosts of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The Git revision of the flake, with `-dirty` if there are uncommitted changes; `None` if the flake is
    /// not in a Git repository.
    #[serde(default)]
    pub revision: Option<String>,
    /// The hosts, by name.
    #[serde(deserialize_with = "hosts")]
    pub hosts: BTreeMap<String, Host>,
    /// The rollout policy options that the inventory sets for the whole fleet.
    #[serde(default)]
    pub rollout: PolicyOptions,
    /// Recipients of rollout notifications, by name.
    #[serde(default, deserialize_with = "by_label")]
    pub notifications: BTreeMap<String, Notification>,
    /// The settings of each tag, by the name of the tag.
    #[serde(default, deserialize_with = "by_tag")]
    pub tags: BTreeMap<String, Tag>,
    /// The file with the host keys that the command line records, relative to the directory of the flake;
    /// `None` if the fleet reads no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_keys: Option<String>,
}

/// Reads hosts, and checks that the name of each host equals its key.
fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Host>, D::Error> {
    let hosts = BTreeMap::<String, Host>::deserialize(deserializer)?;
    match hosts.iter().find(|(key, host)| **key != host.name) {
        Some((key, host)) => Err(D::Error::custom(format!(
            "the host `{}` is listed under the name `{}`",
            host.name,
            key.escape_debug()
        ))),
        None => Ok(hosts),
    }
}

fn by_label<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<BTreeMap<String, T>, D::Error> {
    by_word(d, Word::Label)
}

fn by_tag<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<BTreeMap<String, T>, D::Error> {
    by_word(d, Word::Tag)
}

fn by_word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    word: Word,
) -> Result<BTreeMap<String, T>, D::Error> {
    let entries = BTreeMap::<String, T>::deserialize(deserializer)?;
    entries.into_iter().map(|(name, entry)| Ok((word::checked(word, name)?, entry))).collect()
}

/// The settings of a tag, which apply to the hosts that carry the tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tag {
    /// Maximum number of the tag's hosts that may be down or changing at once. A percentage is rounded down,
    /// but to at least one host.
    pub max_down: Option<Amount>,
    /// The tags whose hosts are changed after the hosts of this tag.
    #[serde(deserialize_with = "word::tags")]
    pub before: Vec<String>,
    /// The rollout policy options that apply if all selected hosts carry the tag.
    pub rollout: PolicyOptions,
}

/// One host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The name of the host, equal to its key in [`Fleet::hosts`].
    #[serde(deserialize_with = "word::host")]
    pub name: String,
    /// The base (the operating system) of the host. It decides which backend compiles the host's
    /// configuration.
    pub base: Base,
    /// The Nix system of the host, such as `x86_64-linux`.
    #[serde(deserialize_with = "word::system")]
    pub system: String,
    /// The name or address that SSH connects to.
    #[serde(deserialize_with = "word::address")]
    pub addr: String,
    /// SSH settings of the host.
    pub ssh: Ssh,
    /// Settings for applying changes to the host.
    #[serde(default)]
    pub rollout: RolloutSettings,
    /// Time limits for waiting for the host.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// The tags of the host. `--tag prod` and `@prod` select the hosts that carry the tag `prod`.
    #[serde(default, deserialize_with = "word::tags")]
    pub tags: Vec<String>,
    /// The roles of the host.
    #[serde(default, deserialize_with = "word::labels")]
    pub roles: Vec<String>,
    /// The reason why an apply skips the host; `None` if an apply does not skip it.
    #[serde(default)]
    pub maintenance: Option<String>,
    /// The generation or revision that the host is pinned to, if any.
    #[serde(default)]
    pub pin: Option<Pin>,
    /// The policy about updates of the operating system and reboots.
    #[serde(default)]
    pub os_updates: OsPolicy,
}

/// A generation or revision to keep on a host. An apply leaves a pinned host as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The number of the generation to keep.
    #[serde(default)]
    pub generation: Option<u64>,
    /// The revision of the fleet to keep.
    #[serde(default)]
    pub rev: Option<String>,
    /// The reason why the host is pinned.
    pub reason: String,
    /// The last day of the pin, such as `2027-01-31`; `None` if the pin does not expire.
    #[serde(default)]
    pub until: Option<String>,
}

/// The operating system of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// Ubuntu or Debian, on which NixFleet works alongside the distribution.
    Ubuntu,
    /// `NixOS`.
    Nixos,
}

/// Settings for applying changes to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSettings {
    /// How many seconds the host waits after a change for a confirmation, which the operator's machine sends
    /// over a new connection. Without a confirmation, the host rolls back. `None` if no confirmation is
    /// needed.
    pub confirm_timeout: Option<u64>,
}

impl Default for RolloutSettings {
    /// Returns the default values of the inventory option `defaults.rollout`.
    fn default() -> Self {
        Self { confirm_timeout: Some(30) }
    }
}

/// Time limits for waiting for a host, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timeouts {
    /// How long the host may take to accept a connection.
    pub connect: u64,
    /// How long a connection may carry no data before it counts as broken.
    pub silence: u64,
    /// How long the host may take to return its status or a plan.
    pub answer: u64,
    /// How long it may take to copy a closure to the host.
    pub copy: u64,
    /// How long a change, including its health checks, may take. `nixfleet check` may take as long.
    pub change: u64,
    /// If the connection breaks during a change, how long the host may take to become reachable again. This
    /// time is added to the time after which the host rolls back by itself.
    pub rejoin: u64,
    /// How long the host may take to shut down, boot and start its units after a reboot.
    pub boot: u64,
}

impl Default for Timeouts {
    /// Returns the default values of the inventory option `defaults.timeouts`.
    fn default() -> Self {
        Self { connect: 10, silence: 15, answer: 300, copy: 7200, change: 3600, rejoin: 120, boot: 900 }
    }
}

/// SSH settings of a host. The operator's own `ssh` configuration applies as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// The user to log in as: root, or a user that may run `sudo -n`.
    #[serde(deserialize_with = "word::login")]
    pub user: String,
    /// The TCP port.
    pub port: u16,
    /// The pinned public host key, in the format of `known_hosts` without the host name, such as
    /// `ssh-ed25519 AAAA…`.
    #[serde(default)]
    pub host_key: Option<String>,
    /// The public keys that may log in as the SSH user, in the format of `authorized_keys`. A bootstrap
    /// installs them on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorized_keys: Vec<String>,
}
