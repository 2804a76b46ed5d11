//! The inventory: plain data that `nixfleet.fleet` evaluates to, without touching any package.

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
    /// Its revision in Git, with `-dirty` where the tree has changes; nothing where it has none.
    #[serde(default)]
    pub revision: Option<String>,
    /// Hosts by name.
    #[serde(deserialize_with = "hosts")]
    pub hosts: BTreeMap<String, Host>,
    /// How changes go through it, as far as it says.
    #[serde(default)]
    pub rollout: PolicyOptions,
    /// Who is told how a rollout goes, by name.
    #[serde(default, deserialize_with = "by_label")]
    pub notifications: BTreeMap<String, Notification>,
    /// What it says of its tags.
    #[serde(default, deserialize_with = "by_tag")]
    pub tags: BTreeMap<String, Tag>,
}

/// Reads hosts, each of which has the name under which it stands.
fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Host>, D::Error> {
    let hosts = BTreeMap::<String, Host>::deserialize(deserializer)?;
    match hosts.iter().find(|(key, host)| **key != host.name) {
        Some((key, host)) => {
            Err(D::Error::custom(format!("the host `{}` stands under `{}`", host.name, key.escape_debug())))
        }
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

/// What a fleet says of the hosts that carry a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tag {
    /// How many of them may be down or changing at once; a part is rounded down, but one always may.
    pub max_down: Option<Amount>,
    /// The tags whose hosts are changed after these.
    #[serde(deserialize_with = "word::tags")]
    pub before: Vec<String>,
    /// How changes go through a selection in which each host carries the tag.
    pub rollout: PolicyOptions,
}

/// One host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The name, equal to its key in [`Fleet::hosts`].
    #[serde(deserialize_with = "word::host")]
    pub name: String,
    /// Which backend compiles it.
    pub base: Base,
    /// Its Nix system, such as `x86_64-linux`.
    #[serde(deserialize_with = "word::system")]
    pub system: String,
    /// Where SSH reaches it: a name or an address.
    #[serde(deserialize_with = "word::address")]
    pub addr: String,
    /// How SSH reaches it.
    pub ssh: Ssh,
    /// How changes come to it.
    #[serde(default)]
    pub rollout: Rollout,
    /// How long is waited for it.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Free labels, selected with `--tag` and `@tag`.
    #[serde(default, deserialize_with = "word::tags")]
    pub tags: Vec<String>,
    /// The roles it plays.
    #[serde(default, deserialize_with = "word::labels")]
    pub roles: Vec<String>,
    /// Why it is left alone for now, if it is.
    #[serde(default)]
    pub maintenance: Option<String>,
    /// What it is kept at, if it is.
    #[serde(default)]
    pub pin: Option<Pin>,
}

/// Keeps a host as it is: an apply leaves it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The generation it is kept at.
    #[serde(default)]
    pub generation: Option<u64>,
    /// The revision of the fleet it is kept at.
    #[serde(default)]
    pub rev: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, `2027-01-31`; for good where nobody says.
    #[serde(default)]
    pub until: Option<String>,
}

/// What a host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// Ubuntu or Debian: the distribution stays.
    Ubuntu,
    /// `NixOS`.
    Nixos,
}

/// How changes come to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Within how many seconds a change has to be confirmed over a new connection; nothing where it need not be.
    pub confirm_timeout: Option<u64>,
}

impl Default for Rollout {
    /// As `defaults.rollout` in the inventory.
    fn default() -> Self {
        Self { confirm_timeout: Some(30) }
    }
}

/// How long is waited for a host, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timeouts {
    /// Until it accepts a connection.
    pub connect: u64,
    /// Until a connection counts as broken over which nothing comes.
    pub silence: u64,
    /// Until it has said how it stands, or what would change.
    pub answer: u64,
    /// Until a closure has arrived.
    pub copy: u64,
    /// Until it has changed, with its health checks, or has tried those alone.
    pub change: u64,
    /// Until it is found again whose connection broke while it changed, beyond the time in which it goes back by itself.
    pub rejoin: u64,
}

impl Default for Timeouts {
    /// As `defaults.timeouts` in the inventory.
    fn default() -> Self {
        Self { connect: 10, silence: 15, answer: 300, copy: 7200, change: 3600, rejoin: 120 }
    }
}

/// How SSH reaches a host. The user's own `ssh` configuration applies on top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// The user to log in as; root, or one that may `sudo -n`.
    #[serde(deserialize_with = "word::login")]
    pub user: String,
    /// The TCP port.
    pub port: u16,
    /// The pinned public host key, as in `known_hosts` without the host: `ssh-ed25519 AAAA…`.
    #[serde(default)]
    pub host_key: Option<String>,
}
