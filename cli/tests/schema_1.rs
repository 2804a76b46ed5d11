//! Tests that the program can still read files with schema version 1 that exist on an operator's machine.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1").join(name)
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Returns whether a new document contains all fields of an old one with equal values. The new document may
/// contain more fields.
fn says_all(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(key, old)| new.get(key).is_some_and(|new| says_all(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| says_all(new, old))
        }
        _ => new == old,
    }
}

#[test]
fn the_history_of_the_first_nixfleet_is_told_as_it_was() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("history");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(fixture("history.db"), folder.join("history.db")).unwrap();
    let told = |arguments: &[&str]| {
        let mut command = cargo_bin_cmd!("nixfleet");
        let output = command.env("NIXFLEET_STATE", state.path()).args(arguments).assert().code(0);
        json(&output.get_output().stdout)
    };
    let old = json(&std::fs::read(fixture("history.json")).unwrap());
    let new = told(&["history", "--json"]);
    assert!(says_all(&new, &old), "{new:#}");
    for entry in old["entries"].as_array().unwrap() {
        let shown = told(&["history", "show", entry["id"].as_str().unwrap(), "--json"]);
        assert!(shown.to_string().contains(&entry["operator"].to_string()), "{shown:#}");
    }
}
