//! The inventory of another tool, before its hosts and groups are adapted to the rules of `NixFleet`.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::fleet::Base;
use serde::Serialize;

use super::note::Note;

/// A tool whose inventory can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// Ansible, which has inventories in the INI and YAML formats.
    Ansible,
    /// The SSH client, whose configuration has an entry for each host.
    SshConfig,
    /// colmena, which deploys the `NixOS` hosts of a hive.
    Colmena,
    /// deploy-rs, which deploys the nodes of a flake.
    DeployRs,
}

impl Tool {
    /// Returns the name of the tool, which is also the name of the subcommand of `nixfleet import`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ansible => "ansible",
            Self::SshConfig => "ssh-config",
            Self::Colmena => "colmena",
            Self::DeployRs => "deploy-rs",
        }
    }

    /// Returns the base that is assumed for all hosts of this tool, because the inventory does not state the
    /// base of a host.
    #[must_use]
    pub const fn base(self) -> Base {
        match self {
            Self::Ansible | Self::SshConfig => Base::Ubuntu,
            Self::Colmena | Self::DeployRs => Base::Nixos,
        }
    }
}

/// A line for the user's SSH configuration, such as `ProxyJump bastion`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SshSetting {
    /// The keyword, such as `ProxyJump`.
    pub keyword: String,
    /// The arguments of the keyword.
    pub value: String,
}

impl SshSetting {
    /// Creates a setting. Invisible characters of the value are escaped.
    #[must_use]
    pub fn new(keyword: &str, value: &str) -> Self {
        Self { keyword: keyword.to_owned(), value: crate::text::one_line(value) }
    }
}

/// A host as another tool describes it. Its name and values are not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundHost {
    /// The name of the host in the other tool.
    pub name: String,
    /// The address. `None` means that the name is the address.
    pub addr: Option<String>,
    /// The user name for SSH logins, if the other tool sets one.
    pub user: Option<String>,
    /// The port of the host's SSH server, if the other tool sets one.
    pub port: Option<u16>,
    /// The Nix system, such as `x86_64-linux`, if the other tool sets one.
    pub system: Option<String>,
    /// The names of the groups that contain the host.
    pub groups: BTreeSet<String>,
    /// The settings that the user has to add to the SSH configuration.
    pub ssh: Vec<SshSetting>,
    /// Notes on the settings of this host that are left out.
    pub notes: Vec<Note>,
    /// The reason why `NixFleet` cannot manage the host, if there is one.
    pub refused: Option<String>,
}

impl FoundHost {
    /// Creates a host about which only its name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// An inventory of another tool.
#[derive(Clone, Debug)]
pub struct FoundInventory {
    /// The tool that uses the inventory.
    pub tool: Tool,
    /// The file, directory or flake that was imported.
    pub origin: String,
    /// The hosts, in the order of the inventory.
    pub hosts: Vec<FoundHost>,
    /// The names of the groups, and for each group the notes on what was not imported.
    pub groups: BTreeMap<String, Vec<Note>>,
    /// The notes that are about no single host or group.
    pub notes: Vec<Note>,
}

impl FoundInventory {
    /// Creates an inventory without hosts and groups.
    pub fn new(tool: Tool, origin: impl Into<String>) -> Self {
        Self { tool, origin: origin.into(), hosts: Vec::new(), groups: BTreeMap::new(), notes: Vec::new() }
    }
}
