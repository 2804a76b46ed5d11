//! The inventory: plain data that `nixfleet.fleet` evaluates to, without touching any package.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All hosts of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// Always [`crate::SCHEMA`].
    pub schema: u32,
    /// Hosts by name.
    pub hosts: BTreeMap<String, Host>,
}

/// One host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The name, equal to its key in [`Fleet::hosts`].
    pub name: String,
    /// Which backend compiles it.
    pub base: Base,
    /// Its Nix system, such as `x86_64-linux`.
    pub system: String,
    /// Where SSH reaches it: a name or an address.
    pub addr: String,
    /// How SSH reaches it.
    pub ssh: Ssh,
    /// How changes come to it.
    #[serde(default)]
    pub rollout: Rollout,
    /// Free labels, selected with `--tag` and `@tag`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The roles it plays.
    #[serde(default)]
    pub roles: Vec<String>,
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

/// How SSH reaches a host. The user's own `ssh` configuration applies on top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// The user to log in as; root, or one that may `sudo -n`.
    pub user: String,
    /// The TCP port.
    pub port: u16,
    /// The pinned public host key, as in `known_hosts` without the host: `ssh-ed25519 AAAA…`.
    #[serde(default)]
    pub host_key: Option<String>,
}
