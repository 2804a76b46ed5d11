//! Tests with mutated documents: parsers never panic, and no accepted document contains an unsafe path.

use nixfleet_activate::document_checks;
use nixfleet_activate::engine::state::State;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::ledger;
use crate::room::{Room, directory, file, unit, with};

/// The number of mutated documents of each kind.
const DOCUMENTS: u32 = 256;
/// The number of documents of each kind with `NIXFLEET_SOAK`.
const SOAKED: u32 = 65_536;

/// Generates values to insert into a document.
fn replacement() -> impl Strategy<Value = Value> {
    let tricks = [
        "",
        "/",
        "..",
        "../x",
        "/etc/../x",
        "//etc",
        "/etc/",
        "/etc/a\nb",
        "/nix/store/x",
        "/proc/1/root",
        "/etc/\u{0}",
        "files/../../etc/shadow",
        "/var/lib/nixfleet/state.json",
        "root",
        "0777",
        "99999",
        "\u{202e}",
        "a b",
        "file",
        "link",
    ];
    prop_oneof![
        prop::sample::select(tricks.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!({ "kind": "link", "target": "/etc/passwd" })),
        (1..200_usize).prop_map(|depth| (0..depth).fold(json!(1), |inner, _| json!([inner]))),
    ]
}

/// A mutation of a document. An index selects one of the values or bytes of the document.
#[derive(Clone, Debug)]
enum Bend {
    /// Replaces a value.
    Replace(prop::sample::Index, Value),
    Rename(prop::sample::Index, String),
    Remove(prop::sample::Index),
    /// Replaces a byte of the text.
    Byte(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

fn bends() -> impl Strategy<Value = Vec<Bend>> {
    let index = any::<prop::sample::Index>;
    let names = prop_oneof![
        any::<String>(),
        "/[a-z./]{0,12}",
        Just("/etc/../x".to_owned()),
        Just("/nix/x".to_owned())
    ];
    let one = prop_oneof![
        4 => (index(), replacement()).prop_map(|(at, value)| Bend::Replace(at, value)),
        2 => (index(), names).prop_map(|(at, name)| Bend::Rename(at, name)),
        1 => index().prop_map(Bend::Remove),
        2 => (index(), any::<u8>()).prop_map(|(at, byte)| Bend::Byte(at, byte)),
        1 => index().prop_map(Bend::Cut),
    ];
    prop::collection::vec(one, 1..4)
}

/// Collects JSON pointers to all values in a document.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    let mut go = |name: String, inner: &Value| {
        let place = format!("{here}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(place.clone());
        places(inner, &place, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| go(name.clone(), inner)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| go(index.to_string(), inner));
        }
        _ => {}
    }
}

fn bend(document: &Value, bends: &[Bend]) -> Vec<u8> {
    let mut document = document.clone();
    let mut places_now = Vec::new();
    places(&document, "", &mut places_now);
    for bend in bends {
        let (Bend::Replace(at, _) | Bend::Rename(at, _) | Bend::Remove(at)) = bend else { continue };
        let place = at.get(&places_now).clone();
        let (above, name) = place.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/").replace("~0", "~");
        match (bend, document.pointer_mut(above)) {
            (Bend::Replace(_, value), Some(_)) => {
                if let Some(target) = document.pointer_mut(&place) {
                    *target = value.clone();
                }
            }
            (Bend::Rename(_, to), Some(Value::Object(fields))) => {
                if let Some(value) = fields.remove(&name) {
                    fields.insert(to.clone(), value);
                }
            }
            (Bend::Remove(_), Some(Value::Object(fields))) => drop(fields.remove(&name)),
            _ => {}
        }
    }
    let mut bytes = document.to_string().into_bytes();
    for bend in bends {
        match bend {
            Bend::Byte(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Bend::Cut(at) if !bytes.is_empty() => bytes.truncate(at.index(bytes.len())),
            _ => {}
        }
    }
    bytes
}

fn lists() -> Value {
    json!({
        "directories": [directory("/srv/d", "0750")],
        "files": [
            with(file("/etc/a", Some("a\n")), "onConflict", "backup"),
            with(file("/srv/d/b", Some("b\n")), "restartUnits", json!(["web.service"])),
        ],
        "units": [unit("web.service", Some("[Install]\nWantedBy=a.target\n"), Some(true))],
    })
}

fn try_all(name: &str, test: &str, document: &Value, check: fn(&[u8]) -> bool) {
    assert!(check(document.to_string().as_bytes()), "the document is fine before it is mutated");
    let check = |bytes: &[u8]| {
        check(bytes);
        Ok(())
    };
    let cases = if ledger::soaks() { SOAKED } else { DOCUMENTS };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if let Err(failure) =
        TestRunner::new(config.clone()).run(&bends(), |bends| check(&bend(document, &bends)))
    {
        panic!("{failure}");
    }
    let noise = prop::collection::vec(any::<u8>(), 0..64);
    if let Err(failure) = TestRunner::new(config).run(&noise, |bytes| check(&bytes)) {
        panic!("{failure}");
    }
    let article = if name.starts_with('i') { "an" } else { "a" };
    let tried = format!("{cases} mutated documents of {article} {name} and as many random ones");
    ledger::record("Parsers never panic and accept no path that leads elsewhere", test, &tried, &[]);
}

#[test]
fn a_mutated_manifest_is_refused_or_harmless() {
    let closure = Room::new();
    let closure = (closure.closure("1", &lists()), closure);
    let bytes = std::fs::read(format!("{}/manifest.json", closure.0)).unwrap();
    let document = serde_json::from_slice(&bytes).unwrap();
    try_all(
        "manifest",
        "documents::a_mutated_manifest_is_refused_or_harmless",
        &document,
        document_checks::manifest,
    );
}

#[test]
fn a_mutated_state_is_refused_or_harmless() {
    let room = Room::new();
    room.write("/etc/a", "stood here\n");
    room.applied(&room.closure("1", &lists()), "ok");
    let document = serde_json::from_str(&room.read("/var/lib/nixfleet/state.json")).unwrap();
    try_all("state", "documents::a_mutated_state_is_refused_or_harmless", &document, document_checks::state);
}

#[test]
fn a_mutated_journal_is_refused_or_harmless() {
    let room = Room::new();
    room.write("/etc/a", "stood here\n");
    room.run_killed(&["apply", "--closure", &room.closure("1", &lists())], 40);
    let document = serde_json::from_str(&room.read("/var/lib/nixfleet/journal.json")).unwrap();
    try_all(
        "journal",
        "documents::a_mutated_journal_is_refused_or_harmless",
        &document,
        document_checks::journal,
    );
}

#[test]
fn a_mutated_intent_is_refused_or_builds_a_harmless_manifest() {
    let mut document = crate::room::empty_intent();
    for (list, value) in lists().as_object().unwrap() {
        document[list] = value.clone();
    }
    let test = "documents::a_mutated_intent_is_refused_or_builds_a_harmless_manifest";
    try_all("intent", test, &document, document_checks::intent);
}

#[test]
fn a_state_of_schema_1_is_read_for_ever() {
    let text = include_str!("../fixtures/state-schema-1.json");
    let state = State::parse(text.as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(&state).unwrap(), serde_json::from_str::<Value>(text).unwrap());
}
