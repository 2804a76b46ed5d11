//! The lines to add to the user's SSH configuration.

use std::collections::BTreeMap;

use serde::Serialize;

use super::found::{FoundHost, SshSetting};
use super::note::{Note, NoteKind};
use crate::inventory::Natural;

/// The settings that one or more hosts need in the user's SSH configuration. No address is in two blocks,
/// because `ssh` would apply the first block to all hosts with this address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SshBlock {
    /// The addresses of the hosts that need the settings.
    pub addrs: Vec<String>,
    /// The settings, which are the same for all of these hosts.
    pub settings: Vec<SshSetting>,
}

/// Collects the settings to add to the user's SSH configuration. Hosts with the same settings share one
/// block.
///
/// Hosts with the same address and other settings, such as tunnels that end at different ports of
/// `127.0.0.1`, get a note and no block. `NixFleet` passes the address to `ssh`, and a `Host` or `Match` line
/// cannot tell the ports of an address apart.
pub fn of(hosts: &mut [FoundHost]) -> Vec<SshBlock> {
    let mut by_addr: BTreeMap<String, (Vec<SshSetting>, bool)> = BTreeMap::new();
    for host in hosts.iter() {
        let (first, is_shared) =
            by_addr.entry(addr(host).to_owned()).or_insert_with(|| (host.ssh.clone(), false));
        *is_shared |= *first != host.ssh;
    }
    for host in hosts.iter_mut().filter(|host| !host.ssh.is_empty()) {
        if by_addr.get(addr(host)).is_some_and(|(_, is_shared)| *is_shared) {
            let note = note(host);
            host.notes.push(note);
        }
    }
    let mut blocks: BTreeMap<Vec<SshSetting>, Vec<String>> = BTreeMap::new();
    for (addr, (settings, is_shared)) in by_addr {
        if !is_shared && !settings.is_empty() {
            blocks.entry(settings).or_default().push(addr);
        }
    }
    let block = |(settings, mut addrs): (Vec<SshSetting>, Vec<String>)| {
        addrs.sort_by_cached_key(|addr| Natural::of(addr));
        SshBlock { addrs, settings }
    };
    blocks.into_iter().map(block).collect()
}

fn addr(host: &FoundHost) -> &str {
    host.addr.as_deref().unwrap_or(&host.name)
}

fn note(host: &FoundHost) -> Note {
    let settings = host.ssh.iter().map(|setting| format!("{} {}", setting.keyword, setting.value));
    let text = format!(
        "other hosts have the address {0}, but need other settings of ssh: add a Host entry with HostName {0}, {1} \
         to ~/.ssh/config, and change addr to the name of the entry",
        addr(host),
        settings.collect::<Vec<_>>().join(", ")
    );
    Note::new(NoteKind::Check, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, addr: &str, jump: &str) -> FoundHost {
        let ssh = if jump.is_empty() { Vec::new() } else { vec![SshSetting::new("ProxyJump", jump)] };
        FoundHost { addr: Some(addr.to_owned()), ssh, ..FoundHost::named(name) }
    }

    fn shown(hosts: &mut [FoundHost]) -> Vec<String> {
        let blocks = of(hosts).into_iter();
        blocks.map(|block| format!("{} {}", block.addrs.join(" "), block.settings[0].value)).collect()
    }

    #[test]
    fn hosts_with_the_same_settings_share_a_block() {
        let mut hosts = [host("a", "10.0.0.10", "gate"), host("b", "10.0.0.2", "gate"), host("c", "c", "")];
        assert_eq!(shown(&mut hosts), ["10.0.0.2 10.0.0.10 gate"]);
        let mut hosts = [host("a", "127.0.0.1", "gate"), host("b", "127.0.0.1", "gate")];
        assert_eq!(shown(&mut hosts), ["127.0.0.1 gate"]);
        assert!(hosts.iter().all(|host| host.notes.is_empty()));
    }

    #[test]
    fn no_block_applies_to_a_host_that_needs_other_settings() {
        let mut hosts =
            [host("a", "127.0.0.1", "gate-1"), host("b", "127.0.0.1", "gate-2"), host("c", "c", "gate-1")];
        assert_eq!(shown(&mut hosts), ["c gate-1"]);
        assert_eq!(
            hosts[1].notes[0].text,
            "other hosts have the address 127.0.0.1, but need other settings of ssh: add a Host entry with HostName \
             127.0.0.1, ProxyJump gate-2 to ~/.ssh/config, and change addr to the name of the entry"
        );
        assert_eq!(hosts[0].notes[0].kind, NoteKind::Check);
        let mut hosts = [host("a", "127.0.0.1", ""), host("b", "127.0.0.1", "gate")];
        assert!(of(&mut hosts).is_empty());
        assert_eq!([hosts[0].notes.len(), hosts[1].notes.len()], [0, 1]);
    }
}
