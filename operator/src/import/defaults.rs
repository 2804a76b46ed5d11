//! The values that the hosts of an inventory have in common.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::fleet::Base;
use serde::Serialize;

use super::draft::DraftHost;
use super::found::Tool;

/// The SSH port of a host if neither the host nor the fleet sets a port.
pub const USUAL_PORT: u16 = 22;
/// The SSH user of a host if neither the host nor the fleet sets a user.
const USUAL_USER: &str = "root";
/// The Nix system of a host if neither the host nor the fleet sets a system.
const USUAL_SYSTEM: &str = "x86_64-linux";

/// The values that apply to each host without a value of its own. `None` means that `fleet.nix` sets no
/// default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// The base of the hosts, if it is not `ubuntu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The Nix system, if it is not `x86_64-linux`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The user name for SSH logins to the hosts, if it is not `root`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port of the SSH servers, if it is not 22.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The tags that every host has.
    pub tags: BTreeSet<String>,
}

/// Moves the values that most hosts have in common from the hosts to the returned defaults.
pub fn factor(tool: Tool, hosts: &mut [DraftHost]) -> Defaults {
    let several = hosts.len() > 1;
    let user = most_common(hosts.iter().map(|host| host.user.clone())).flatten();
    // If some hosts set no user, there is no default, because it would apply to these hosts as well.
    let user = user.filter(|_| hosts.iter().all(|host| host.user.is_some()));
    let user = user.filter(|user| user != USUAL_USER);
    let own_default = user.as_deref().unwrap_or(USUAL_USER);
    let port = most_common(hosts.iter().map(|host| host.port.unwrap_or(USUAL_PORT)));
    let port = port.filter(|port| *port != USUAL_PORT);
    let system = |host: &DraftHost| host.system.clone().unwrap_or_else(|| USUAL_SYSTEM.to_owned());
    let usual = most_common(hosts.iter().map(system)).filter(|system| system != USUAL_SYSTEM);
    let tags = hosts.iter().map(|host| host.tags.clone()).reduce(|all, tags| &all & &tags);
    let tags = tags.filter(|_| several).unwrap_or_default();
    for host in hosts {
        let own_port = host.port.unwrap_or(USUAL_PORT);
        host.port = (own_port != port.unwrap_or(USUAL_PORT)).then_some(own_port);
        let own_system = system(host);
        let is_usual = own_system == usual.as_deref().unwrap_or(USUAL_SYSTEM);
        host.system = (!is_usual).then_some(own_system);
        host.user = host.user.take().filter(|own| own != own_default);
        host.tags = &host.tags - &tags;
    }
    let base = Some(tool.base()).filter(|base| *base != Base::Ubuntu);
    Defaults { base, system: usual, user, port, tags }
}

/// Returns the value that occurs most often, if it occurs more than once. If several values occur equally
/// often, returns the smallest of them.
fn most_common<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 1).map(|(value, _)| value)
}
