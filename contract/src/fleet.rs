//! The inventory: plain data that `nixfleet.fleet` evaluates to, without evaluating any package.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::notification::Notification;
use crate::policy::{Amount, PolicyOptions};
use crate::values::{Word, word};

/// All hosts of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// Its Git revision, with `-dirty` if the tree has changes; `None` without Git.
    #[serde(default)]
    pub revision: Option<String>,
    /// Hosts by name.
    #[serde(deserialize_with = "hosts")]
    pub hosts: BTreeMap<String, Host>,
    /// The rollout policy, as far as the fleet states one.
    #[serde(default)]
    pub rollout: PolicyOptions,
    /// Recipients of rollout notifications, by name.
    #[serde(default, deserialize_with = "by_label")]
    pub notifications: BTreeMap<String, Notification>,
    /// Settings of its tags.
    #[serde(default, deserialize_with = "by_tag")]
    pub tags: BTreeMap<String, Tag>,
}

/// Reads hosts, and checks that each has the name of its key.
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

/// What a fleet states about the hosts that carry a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tag {
    /// How many of these hosts may be down or changing at once; a percentage is rounded down, but at least
    /// one may.
    pub max_down: Option<Amount>,
    /// The tags whose hosts are changed after these.
    #[serde(deserialize_with = "word::tags")]
    pub before: Vec<String>,
    /// The rollout policy of a selection in which each host carries the tag.
    pub rollout: PolicyOptions,
}

/// One host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The name, equal to its key in [`Fleet::hosts`].
    #[serde(deserialize_with = "word::host")]
    pub name: String,
    /// The base, which selects the backend that compiles the host.
    pub base: Base,
    /// Its Nix system, such as `x86_64-linux`.
    #[serde(deserialize_with = "word::system")]
    pub system: String,
    /// The name or address that SSH connects to.
    #[serde(deserialize_with = "word::address")]
    pub addr: String,
    /// SSH settings.
    pub ssh: Ssh,
    /// How changes are applied to it.
    #[serde(default)]
    pub rollout: Rollout,
    /// How long to wait for it.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Free labels, selected with `--tag` and `@tag`.
    #[serde(default, deserialize_with = "word::tags")]
    pub tags: Vec<String>,
    /// The roles it plays.
    #[serde(default, deserialize_with = "word::labels")]
    pub roles: Vec<String>,
    /// Why applies skip it for now, if they do.
    #[serde(default)]
    pub maintenance: Option<String>,
    /// The generation or revision that it is pinned to, if it is.
    #[serde(default)]
    pub pin: Option<Pin>,
}

/// A pin: an apply leaves the host as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The generation to keep.
    #[serde(default)]
    pub generation: Option<u64>,
    /// The revision of the fleet to keep.
    #[serde(default)]
    pub rev: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day of the pin, `2027-01-31`; `None` for no end.
    #[serde(default)]
    pub until: Option<String>,
}

/// The operating system of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// Ubuntu or Debian; NixFleet runs beside the distribution.
    Ubuntu,
    /// `NixOS`.
    Nixos,
}

/// How changes are applied to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Seconds within which a change must be confirmed over a new connection; `None` if no confirmation is
    /// needed.
    pub confirm_timeout: Option<u64>,
}

impl Default for Rollout {
    /// As `defaults.rollout` in the inventory.
    fn default() -> Self {
        Self { confirm_timeout: Some(30) }
    }
}

/// How long to wait for a host, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timeouts {
    /// For the host to accept a connection.
    pub connect: u64,
    /// For data on a connection, before it counts as broken.
    pub silence: u64,
    /// For its status or its plan.
    pub answer: u64,
    /// For a closure to arrive.
    pub copy: u64,
    /// For a change with its health checks, or for the checks alone.
    pub change: u64,
    /// For a host to come back after its connection broke during a change, beyond the time in which it
    /// reverts by itself.
    pub rejoin: u64,
}

impl Default for Timeouts {
    /// As `defaults.timeouts` in the inventory.
    fn default() -> Self {
        Self { connect: 10, silence: 15, answer: 300, copy: 7200, change: 3600, rejoin: 120 }
    }
}

/// SSH settings of a host. The user's own `ssh` configuration applies on top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// The user to log in as: root, or one that may run `sudo -n`.
    #[serde(deserialize_with = "word::login")]
    pub user: String,
    /// The TCP port.
    pub port: u16,
    /// The pinned public host key, as in `known_hosts` without the host: `ssh-ed25519 AAAA…`.
    #[serde(default)]
    pub host_key: Option<String>,
}
