//! Compares what exists at a path with the manifest and with the recorded state.

use nixfleet_contract::manifest::{Access, Entry};
use nixfleet_contract::step::BackupKind;

use crate::engine::observe::PathState;
use crate::engine::state::Thing;

pub(in crate::engine) fn is_as_declared(found: &PathState, entry: &Entry) -> bool {
    match (found, entry) {
        (PathState::File { sha256, access, .. }, Entry::File(file)) => {
            *sha256 == file.sha256 && *access == file.access
        }
        (PathState::Link { target }, Entry::Link(link)) => *target == link.target,
        (PathState::Directory { access, .. }, Entry::Directory(declared)) => access == declared,
        (PathState::Missing, Entry::Absent(_)) => true,
        _ => false,
    }
}

/// Decides whether to back up what exists at a path that NixFleet owns. A backup is needed only if someone
/// else has changed the content.
pub(in crate::engine) fn backup_if_edited(thing: &Thing, found: &PathState) -> BackupKind {
    match (thing, found) {
        (_, PathState::Missing) => BackupKind::Nothing,
        (Thing::File { sha256: left, .. }, PathState::File { sha256, .. }) if left == sha256 => {
            BackupKind::Nothing
        }
        (thing, found) if found.is(thing) => BackupKind::Nothing,
        _ => BackupKind::Copy,
    }
}

pub(in crate::engine) fn drift(thing: &Thing, found: &PathState) -> Option<String> {
    match (thing, found) {
        (thing, found) if found.is(thing) => None,
        (_, PathState::Missing) => Some("missing".to_owned()),
        (Thing::Absent, PathState::File { .. }) => Some("should be absent, but is a file".to_owned()),
        (Thing::Absent, PathState::Link { target }) => {
            Some(format!("should be absent, but is a link to {target}"))
        }
        (Thing::Absent, PathState::Directory { .. }) => {
            Some("should be absent, but is a directory".to_owned())
        }
        (Thing::Absent, PathState::Other(special)) => Some(format!("should be absent, but is {special}")),
        (Thing::File { sha256: left, access: was, .. }, PathState::File { sha256, access, .. }) => {
            if left != sha256 {
                return Some("content edited".to_owned());
            }
            Some(access_drift(was, access))
        }
        (Thing::Directory { access: was, .. }, PathState::Directory { access, .. }) => {
            Some(access_drift(was, access))
        }
        (Thing::Link { target: was }, PathState::Link { target }) => Some(format!("target {was} → {target}")),
        (_, PathState::File { .. }) => Some("replaced by a file".to_owned()),
        (_, PathState::Link { target }) => Some(format!("replaced by a link to {target}")),
        (_, PathState::Directory { .. }) => Some("replaced by a directory".to_owned()),
        (_, PathState::Other(special)) => Some(format!("replaced by {special}")),
        (_, PathState::Unreachable(problem)) => Some(problem.what.clone()),
    }
}

fn list(access: &Access) -> String {
    if access.list { "some" } else { "none" }.to_owned()
}

pub(in crate::engine) fn access_drift(was: &Access, is: &Access) -> String {
    let pairs = [
        ("mode", was.mode.to_string(), is.mode.to_string()),
        ("owner", was.owner.to_string(), is.owner.to_string()),
        ("group", was.group.to_string(), is.group.to_string()),
        ("access control list", list(was), list(is)),
    ];
    let changes =
        pairs.iter().filter(|(_, was, is)| was != is).map(|(what, was, is)| format!("{what} {was} → {is}"));
    changes.collect::<Vec<_>>().join(", ")
}
