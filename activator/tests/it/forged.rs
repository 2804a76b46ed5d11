//! Tests of forged records (the state and the journal): a path in a record is used only if this path can
//! belong to NixFleet.

use std::fs;

use serde_json::{Value, json};

use crate::ledger;
use crate::room::{Room, file, with};

const FORGED: &str = "A forged record leads nowhere";
const HOME: &str = "/var/lib/nixfleet";

/// Paths that cannot contain data of a transaction.
const PLACES: [&str; 12] = [
    "/etc/passwd",
    "/etc",
    "/",
    "/var/lib/nixfleet",
    "/var/lib/nixfleet/state.json",
    "/var/lib/nixfleet/tx",
    "/var/lib/nixfleet/originals",
    "/var/lib/nixfleet/originals/content",
    "/var/lib/nixfleet/originals/a/b/content",
    "/var/lib/nixfleet/tx/9/0",
    "/etc/.nixfleet-tx-9-0",
    "/nix/store/a/bin/sh",
];

fn backup(path: &str) -> Value {
    with(file(path, Some("managed\n")), "onConflict", "backup")
}

/// Returns a test host (a room) whose current generation has an original, and the closure of the next
/// generation, which restores this original and creates another one.
fn prepared() -> (Room, String) {
    let room = Room::new();
    for path in ["/etc/restored", "/etc/kept"] {
        room.write(path, "stood here\n");
    }
    let one = json!([backup("/etc/restored"), file("/etc/a", Some("1\n"))]);
    room.applied(&room.closure("1", &json!({ "files": one })), "ok");
    room.write("/etc/a", "by hand\n");
    let two = json!([backup("/etc/kept"), file("/etc/a", Some("2\n"))]);
    let closure = room.closure("2", &json!({ "files": two }));
    (room, closure)
}

/// Returns the whole tree of the test host, including NixFleet's own files but not the lock and the file
/// `record`.
fn everything(room: &Room, record: &str) -> Vec<String> {
    let tree = room.tree("/") + &room.tree(&format!("{HOME}/"));
    tree.lines()
        .filter(|line| !line.contains("/lock ") && !line.contains(record))
        .map(str::to_owned)
        .collect()
}

/// Collects JSON pointers to all strings in a document whose keys are in `names`.
fn pointers(value: &Value, here: &str, names: &[&str], found: &mut Vec<String>) {
    let mut go = |name: &str, inner: &Value| {
        let place = format!("{here}/{}", name.replace('~', "~0").replace('/', "~1"));
        if names.contains(&name) && inner.is_string() {
            found.push(place.clone());
        }
        pointers(inner, &place, names, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| go(name, inner)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| go(&index.to_string(), inner));
        }
        _ => {}
    }
}

fn try_all(room: &Room, closure: &str, record: &str, names: &[&str], code: &str) -> (usize, Vec<String>) {
    let path = room.path(&format!("{HOME}/{record}"));
    let intact = fs::read(&path).unwrap();
    let document: Value = serde_json::from_slice(&intact).unwrap();
    let mut found = Vec::new();
    pointers(&document, "", names, &mut found);
    for name in names {
        assert!(found.iter().any(|pointer| pointer.ends_with(name)), "{record} has no {name}");
    }
    let before = everything(room, record);
    let (mut tried, mut failures) = (0, Vec::new());
    for pointer in &found {
        for place in PLACES {
            let mut forged = document.clone();
            *forged.pointer_mut(pointer).unwrap() = json!(place);
            fs::write(&path, forged.to_string()).unwrap();
            let report = room.apply(closure);
            let problem = &report["problem"];
            tried += 1;
            if problem["code"] != code || !problem["help"].is_string() || everything(room, record) != before {
                failures.push(format!("{pointer} = {place}: {report:#}"));
            }
        }
    }
    fs::write(&path, intact).unwrap();
    (tried, failures)
}

#[test]
fn a_journal_that_names_other_places_is_not_followed() {
    let (room, closure) = prepared();
    for change in (1..).step_by(3) {
        room.run_killed(&["apply", "--closure", &closure], change);
        if room.read("/etc/a") == "2\n" {
            break;
        }
        assert!(change < 1000, "it never came to the middle of a swap");
    }
    let names = ["slot", "kept", "original"];
    let (tried, failures) = try_all(&room, &closure, "journal.json", &names, "NF-412");
    let tried = format!("{tried} places in a journal that are not ours");
    ledger::record(FORGED, "forged::a_journal_that_names_other_places_is_not_followed", &tried, &failures);
    room.applied(&closure, "ok");
    assert_eq!(room.read("/etc/restored"), "stood here\n");
}

#[test]
fn a_state_that_names_other_places_is_not_followed() {
    let (room, closure) = prepared();
    let (tried, failures) = try_all(&room, &closure, "state.json", &["kept"], "NF-404");
    let tried = format!("{tried} places in a state that are not ours");
    ledger::record(FORGED, "forged::a_state_that_names_other_places_is_not_followed", &tried, &failures);
    room.applied(&closure, "ok");
}
