//! Tests with documents in the first format of NixFleet. All later versions must read them without losing
//! information.

use std::path::PathBuf;

use nixfleet_activate::engine::state::State;
use nixfleet_activate::engine::transaction::journal::Journal;
use nixfleet_contract::fleet::Fleet;
use nixfleet_contract::health::Checked;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::intent::Intent;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::report::Report;
use nixfleet_contract::run::{LastRun, Notice};
use nixfleet_contract::status::Status;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// Finds the values of one document that are missing or different in another document.
fn lost(old: &Value, new: &Value, at: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                lost(value, new.get(key).unwrap_or(&Value::Null), &format!("{at}/{key}"), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                lost(old, new, &format!("{at}/{index}"), found);
            }
        }
        (old, new) if old == new || at == "/schema" => {}
        // Empty fields may be omitted.
        (Value::Array(old), Value::Null) if old.is_empty() => {}
        (old, new) => found.push(format!("{at}: {old} ≠ {new}")),
    }
}

#[track_caller]
fn says_the_same(old: &str, new: &impl Serialize) {
    let mut found = Vec::new();
    lost(&serde_json::from_str(old).unwrap(), &serde_json::to_value(new).unwrap(), "", &mut found);
    assert_eq!(found, [] as [String; 0]);
}

#[track_caller]
fn is_read<T: Serialize + DeserializeOwned>(old: &str) {
    says_the_same(old, &serde_json::from_str::<T>(old).unwrap());
}

#[test]
fn what_the_first_nixfleet_wrote_is_read_in_full() {
    is_read::<Fleet>(&text("fleet.json"));
    is_read::<Plan>(&text("plan.json"));
    is_read::<Plan>(&text("plan-with-texts.json"));
    is_read::<Report>(&text("report.json"));
    is_read::<Report>(&text("report-rolled-back.json"));
    is_read::<Status>(&text("status.json"));
    is_read::<Checked>(&text("checks.json"));
    is_read::<LastRun>(&text("last.json"));
    is_read::<Holder>(&text("lock.json"));
    let transcript = text("transcript.jsonl");
    let (notice, report) = transcript.trim_end().split_once('\n').unwrap();
    is_read::<Notice>(notice);
    is_read::<Report>(report);
}

#[test]
fn what_a_host_of_the_first_nixfleet_has_is_read_in_full() {
    says_the_same(&text("manifest.json"), &Manifest::parse(text("manifest.json").as_bytes()).unwrap());
    says_the_same(&text("state.json"), &State::parse(text("state.json").as_bytes()).unwrap());
    says_the_same(&text("journal.json"), &Journal::parse(text("journal.json").as_bytes()).unwrap());
}

#[test]
fn an_intent_of_the_first_nixfleet_can_be_built() {
    let intent: Intent = serde_json::from_str(&text("intent.json")).unwrap();
    assert_eq!((intent.host.as_str(), intent.users.len(), intent.units.len()), ("web-1", 3, 8));
    // Ignore the problems with store paths, because the store paths in the intent do not exist on this
    // machine.
    let problems = nixfleet_activate::build::check(&path("intent.json")).unwrap_err();
    let others = problems.iter().filter(|problem| !problem.what.contains(" /nix/store/"));
    assert_eq!(others.collect::<Vec<_>>(), [] as [&nixfleet_contract::problem::Problem; 0]);
}
