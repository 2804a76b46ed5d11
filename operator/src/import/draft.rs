//! Turns the inventory of another tool into a draft: the inventory to write as a `fleet.nix`.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::Word;
use serde::Serialize;

use super::defaults::{Defaults, USUAL_PORT, factor};
use super::found::{FoundHost, FoundInventory, SshSetting, Tool};
use super::names;
use super::note::{Note, NoteKind};
use super::secret::shown;
use super::ssh_blocks::{self, SshBlock};
use crate::inventory::Natural;

/// The inventory to write as a `fleet.nix`, with notes on everything that was left out or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The tool whose inventory was imported.
    pub tool: Tool,
    /// The file, directory or flake that was imported.
    pub origin: String,
    /// The values that most or all hosts have in common.
    pub defaults: Defaults,
    /// The hosts, sorted by name in natural order: `web-2` comes before `web-10`.
    pub hosts: Vec<DraftHost>,
    /// The tags, one for each group of the other tool that has an imported host.
    pub tags: Vec<DraftTag>,
    /// The hosts that were not imported.
    pub left_out: Vec<LeftOut>,
    /// The settings that the user has to add to the SSH configuration.
    pub ssh_config: Vec<SshBlock>,
    /// The notes that are about no single host or group.
    pub notes: Vec<Note>,
}

/// A host of the new inventory. A field that is `None` means that the value in [`Defaults`] applies to the
/// host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftHost {
    /// The name of the host.
    #[serde(rename = "host")]
    pub name: String,
    /// The name that the host has in the other tool.
    pub original: String,
    /// The Nix system, such as `x86_64-linux`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The address under which SSH reaches the host.
    pub addr: String,
    /// The user name for SSH logins to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port of the host's SSH server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The tags of the host, without the tags that every host has.
    pub tags: BTreeSet<String>,
    /// Notes on what was left out or changed when the host was imported.
    pub notes: Vec<Note>,
}

/// A tag of the new inventory, made from a group of the other tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftTag {
    /// The name of the tag.
    pub tag: String,
    /// The name that the group has in the other tool.
    pub group: String,
    /// Notes on what was left out or changed when the group was imported.
    pub notes: Vec<Note>,
}

/// A host that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The name that the host has in the other tool.
    pub original: String,
    /// The reason why the host was not imported.
    pub reason: String,
}

impl Draft {
    /// Makes a draft from the inventory of another tool: gives hosts and groups names that `NixFleet`
    /// accepts, and leaves out hosts that `NixFleet` cannot manage.
    ///
    /// # Errors
    /// No host can be imported.
    pub fn of(found: FoundInventory) -> Result<Self, Problem> {
        let FoundInventory { tool, origin, hosts, groups, mut notes } = found;
        let mut left_out = Vec::new();
        let mut accepted = accepted(hosts, &mut left_out);
        if accepted.is_empty() {
            let problem = Problem::new(Code::Import, "there is no host to import").at(&origin);
            return Err(match left_out.first() {
                None => match notes.first() {
                    None => problem.help("name an inventory that has hosts"),
                    Some(note) => problem.because(&note.text),
                },
                Some(first) => problem.because(format!(
                    "no host can be managed by NixFleet; the first one of {} is {}: {}",
                    left_out.len(),
                    first.original,
                    first.reason
                )),
            });
        }
        let used: BTreeSet<&str> =
            accepted.iter().flat_map(|host| &host.groups).map(String::as_str).collect();
        let (groups, unused): (BTreeMap<_, _>, BTreeMap<_, _>) =
            groups.into_iter().partition(|(group, _)| used.contains(group.as_str()));
        notes.extend(notes_of_unused(unused));
        let tags = names::tags(groups.keys().map(String::as_str));
        let ssh_config = ssh_blocks::of(&mut accepted);
        notes.extend(common_notes(&mut accepted));
        let adapted = names::hosts(&accepted.iter().map(|host| host.name.as_str()).collect::<Vec<_>>());
        let mut hosts: Vec<DraftHost> =
            accepted.into_iter().zip(adapted).map(|(host, name)| draft_host(host, name, &tags)).collect();
        hosts.sort_by_cached_key(|host| Natural::of(&host.name));
        notes.extend(users(tool, &hosts));
        let defaults = factor(tool, &mut hosts);
        let tag = |(group, mut notes): (String, Vec<Note>)| {
            let tag = tags.get(&group).cloned().unwrap_or_default();
            if tag != group {
                notes.insert(
                    0,
                    Note::new(NoteKind::Renamed, format!("the group {group} became the tag {tag}")),
                );
            }
            DraftTag { tag, group, notes }
        };
        let mut tags: Vec<DraftTag> = groups.into_iter().map(tag).collect();
        tags.sort_by_cached_key(|tag| Natural::of(&tag.tag));
        Ok(Self { tool, origin, defaults, hosts, tags, left_out, ssh_config, notes })
    }

    /// Returns all notes: the notes on the whole inventory, on its tags and on its hosts.
    pub fn all_notes(&self) -> impl Iterator<Item = &Note> {
        let of_tags = self.tags.iter().flat_map(|tag| &tag.notes);
        let of_hosts = self.hosts.iter().flat_map(|host| &host.notes);
        self.notes.iter().chain(of_tags).chain(of_hosts)
    }
}

/// Returns the hosts that can be imported. Their addresses, users and systems are valid. All other hosts are
/// added to `left_out`.
fn accepted(hosts: Vec<FoundHost>, left_out: &mut Vec<LeftOut>) -> Vec<FoundHost> {
    let mut places: BTreeMap<(String, u16), (String, Vec<SshSetting>)> = BTreeMap::new();
    let mut accepted = Vec::new();
    for mut host in hosts {
        let verdict = match host.refused.take() {
            Some(reason) => Err(reason),
            None => checked(&mut host).and_then(|place| match places.get(&place) {
                Some((other, ssh)) if *ssh == host.ssh => {
                    Err(format!("it has the same address as {other}: {}", place.0))
                }
                Some((other, _)) => Err(format!(
                    "it has the same address as {other}, {0}, but other settings of ssh: add a Host entry with \
                     HostName {0} and these settings to ~/.ssh/config, and add the host with the name of the entry \
                     as its addr",
                    place.0
                )),
                None => Ok(place),
            }),
        };
        match verdict {
            Ok(place) => {
                places.insert(place, (host.name.clone(), host.ssh.clone()));
                accepted.push(host);
            }
            Err(reason) => left_out.push(LeftOut {
                original: crate::text::one_line(&host.name),
                reason: crate::text::one_line(&reason),
            }),
        }
    }
    accepted
}

/// Checks the address, the user and the system of a host. Returns the address and the port, or the reason why
/// the host cannot be imported. A wrong user or system is removed and becomes a note.
fn checked(host: &mut FoundHost) -> Result<(String, u16), String> {
    let plain = |addr: &str| addr.trim_start_matches('[').trim_end_matches(']').to_owned();
    let wanted = host.addr.take().map(|addr| plain(&addr));
    let name = plain(&host.name);
    let addr = match wanted {
        Some(addr) if Word::Address.check(&addr).is_ok() => addr,
        Some(addr) if Word::Address.check(&name).is_ok() => {
            let text = format!(
                "the address {} was not understood, so the name of the host is its address",
                shown(&addr)
            );
            host.notes.push(Note::new(NoteKind::Check, text));
            name
        }
        None if Word::Address.check(&name).is_ok() => name,
        Some(addr) => return Err(format!("its address was not understood: {}", shown(&addr))),
        None => return Err("its name is not an address, and it has no other address".to_owned()),
    };
    if let Some(user) = host.user.take_if(|user| Word::Login.check(user).is_err()) {
        let text = format!("the SSH user {} was not understood: set ssh.user", shown(&user));
        host.notes.push(Note::new(NoteKind::Check, text));
    }
    if let Some(system) = host.system.take_if(|system| Word::System.check(system).is_err()) {
        host.notes.push(Note::new(NoteKind::Check, format!("the system {system} was not understood")));
    }
    host.addr = Some(addr.clone());
    Ok((addr, host.port.unwrap_or(USUAL_PORT)))
}

/// Moves the notes that would be repeated for many hosts out of the hosts, and returns each of these notes
/// once, with the number of hosts that had it. These are all notes that every host has, and all notes of the
/// kind [`NoteKind::Needless`]. A note that a host has several times counts once.
fn common_notes(hosts: &mut [FoundHost]) -> Vec<Note> {
    for host in &mut *hosts {
        let mut seen = BTreeSet::new();
        host.notes.retain(|note| seen.insert((note.kind, note.text.clone())));
    }
    let mut counts: Vec<(Note, usize)> = Vec::new();
    let mut positions: BTreeMap<(NoteKind, String), usize> = BTreeMap::new();
    for note in hosts.iter().flat_map(|host| &host.notes) {
        let position = *positions.entry((note.kind, note.text.clone())).or_insert(counts.len());
        match counts.get_mut(position) {
            Some((_, count)) => *count += 1,
            None => counts.push((note.clone(), 1)),
        }
    }
    let all = hosts.len();
    let is_common = |note: &Note, count: usize| note.kind == NoteKind::Needless || (count == all && all > 1);
    counts.retain(|(note, count)| is_common(note, *count));
    let common: BTreeSet<(NoteKind, String)> =
        counts.iter().map(|(note, _)| (note.kind, note.text.clone())).collect();
    for host in hosts {
        host.notes.retain(|note| !common.contains(&(note.kind, note.text.clone())));
    }
    let told = |(note, count): (Note, usize)| {
        let of = match count {
            count if count == all && all > 1 => "all hosts".to_owned(),
            1 => "1 host".to_owned(),
            count => format!("{count} hosts"),
        };
        Note { text: format!("{of}: {}", note.text), ..note }
    };
    counts.into_iter().map(told).collect()
}

/// Returns the notes on the groups of which no host was imported. Such a group becomes no tag.
fn notes_of_unused(groups: BTreeMap<String, Vec<Note>>) -> Vec<Note> {
    let mut notes = Vec::new();
    if !groups.is_empty() {
        let names: Vec<&str> = groups.keys().map(String::as_str).collect();
        let text = format!("groups without imported hosts, not imported: {}", names.join(", "));
        notes.push(Note::new(NoteKind::Needless, text));
    }
    for (group, of_group) in groups {
        let named = |note: Note| Note {
            text: crate::text::one_line(&format!("group {group}: {}", note.text)),
            ..note
        };
        notes.extend(of_group.into_iter().map(named));
    }
    notes
}

fn draft_host(host: FoundHost, name: String, tags: &BTreeMap<String, String>) -> DraftHost {
    let FoundHost { name: original, addr, user, port, system, groups, mut notes, .. } = host;
    if name != original {
        let text = format!("called {original} there (names have letters, digits and hyphens here)");
        notes.insert(0, Note::new(NoteKind::Renamed, text));
    }
    let tags = groups.iter().filter_map(|group| tags.get(group).cloned()).collect();
    DraftHost { name, original, system, addr: addr.unwrap_or_default(), user, port, tags, notes }
}

/// Returns a note if some hosts set no SSH user, because the other tool and `NixFleet` then log in to these
/// hosts as different users.
fn users(tool: Tool, hosts: &[DraftHost]) -> Option<Note> {
    let without: Vec<&str> =
        hosts.iter().filter(|host| host.user.is_none()).map(|host| host.name.as_str()).collect();
    let who = match without.as_slice() {
        [] => return None,
        all if all.len() == hosts.len() => "no host sets an SSH user".to_owned(),
        [one] => format!("{one} sets no SSH user"),
        [first, ..] => format!("{} hosts set no SSH user, such as {first}", without.len()),
    };
    let text = format!(
        "{who}: {} uses your own user name, NixFleet uses root; set ssh.user to change it",
        tool.name()
    );
    Some(Note::new(NoteKind::Check, text))
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
