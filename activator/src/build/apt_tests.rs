//! Tests of what the builder accepts and refuses about packages of apt and units of the distribution.

use std::path::Path;

use nixfleet_contract::intent::Intent;
use serde_json::{Value, json};

use crate::build::compile::compile;
use crate::build::parse;

/// The fingerprint of the key in `app.asc` and `app.gpg`.
const FINGERPRINT: &str = "F046E6E33FE45CC66938F4585B45C22C3D8E713D";

fn intent(more: &Value) -> Intent {
    let mut intent = json!({
        "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux", "activator": "/bin/sh",
        "profile": null, "packages": [], "groups": [], "users": [], "directories": [], "files": [],
        "units": [],
    });
    for (field, value) in more.as_object().unwrap() {
        intent[field] = value.clone();
    }
    parse::intent(intent).unwrap()
}

/// Returns what the builder refuses.
fn refused(more: &Value) -> Vec<String> {
    let problems = compile(&intent(more)).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.what).collect()
}

fn package(name: &str, state: &str) -> Value {
    json!({
        "name": name, "state": state, "version": null, "hold": false, "recommends": null,
        "start": "after-activation", "debconf": [],
    })
}

fn with(mut package: Value, field: &str, value: Value) -> Value {
    package[field] = value;
    package
}

fn packages(packages: &[Value]) -> Value {
    json!({ "apt": { "packages": packages, "holds": [], "keys": [] } })
}

fn key(file: &str, fingerprint: &str) -> Value {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("checks/fixtures/keys").join(file);
    let path = format!("/etc/apt/keyrings/nixfleet-{file}");
    json!({
        "files": [{
            "path": path, "text": null, "source": source, "mode": "0644", "owner": "root",
            "group": "root", "restartUnits": [], "reloadUnits": [], "validate": null, "onConflict": "fail",
        }],
        "apt": {
            "packages": [], "holds": [],
            "keys": [{ "option": "nixfleet.apt.sources.app.key", "path": path, "fingerprint": fingerprint }],
        },
    })
}

fn unit_state(name: &str, [enabled, running, masked]: [Option<bool>; 3]) -> Value {
    json!({ "name": name, "enabled": enabled, "running": running, "masked": masked })
}

#[test]
fn a_key_with_the_declared_fingerprint_is_a_file_of_the_closure() {
    for file in ["app.asc", "app.gpg"] {
        let intent = intent(&key(file, FINGERPRINT));
        let closure = compile(&intent).unwrap();
        assert_eq!(closure.manifest.entries.len(), 1, "{file}");
        assert_eq!(closure.manifest.apt, None, "{file}");
    }
}

#[test]
fn another_key_is_refused_with_both_fingerprints() {
    let declared = "0".repeat(40);
    assert_eq!(
        refused(&key("app.asc", &declared)),
        [format!("the key has the fingerprint {FINGERPRINT}, but {declared} is declared")]
    );
    assert_eq!(
        refused(&key("two.asc", FINGERPRINT)),
        [
            "the file cannot be the key of a package source: it contains 2 keys, but apt would accept each of them"
        ]
    );
}

#[test]
fn a_key_must_be_a_file_of_the_intent() {
    let mut wrong = key("app.asc", FINGERPRINT);
    wrong["files"] = json!([]);
    assert_eq!(refused(&wrong), ["the key /etc/apt/keyrings/nixfleet-app.asc is not a file of the intent"]);
}

#[test]
fn answers_are_sorted_and_a_question_has_one_answer() {
    let answer =
        |question: &str, value: &str| json!({ "question": question, "type": "string", "value": value });
    let app = json!([answer("shared/b", "x"), answer("app/a", "y")]);
    let app = with(package("app", "present"), "debconf", app);
    let other =
        |value: &str| with(package("other", "present"), "debconf", json!([answer("shared/b", value)]));
    let mut more = packages(&[app.clone(), other("x"), package("telnet", "purged")]);
    more["apt"]["holds"] = json!(["linux-*"]);
    let manifest = compile(&intent(&more)).unwrap().manifest;
    let declared = serde_json::to_value(manifest.apt.unwrap()).unwrap();
    let questions = &declared["packages"]["app"]["debconf"];
    assert_eq!((&questions[0]["question"], &questions[1]["question"]), (&json!("app/a"), &json!("shared/b")));
    assert_eq!(refused(&packages(&[app, other("z")])), ["app declares another answer to the same question"]);
}

#[test]
fn packages_that_a_host_would_refuse_are_refused() {
    let answer = |question: &str, kind: &str, value: &str| {
        let answer = json!({ "question": question, "type": kind, "value": value });
        with(package("app", "present"), "debconf", json!([answer]))
    };
    for (package, what) in [
        (package("Nginx", "present"), "`Nginx` is not the name of a package"),
        (
            package("sudo:amd64", "absent"),
            "package sudo:amd64 cannot be removed: the host may need it to boot or to be reached",
        ),
        (
            with(package("app", "absent"), "hold", json!(true)),
            "a package that should not be installed can have no other option than its state",
        ),
        (
            with(package("app", "present"), "version", json!("latest")),
            "`latest` is neither a version nor a pattern for one",
        ),
        (answer("a b", "string", ""), "`a b` is not the name of a question of debconf"),
        (answer("app/a", "string", "x\ny"), "the answer contains a line break or another control character"),
        (answer("app/a", "string", "x\\"), "the answer ends with a backslash"),
        (answer("app/a", "boolean", "yes"), "the answer to a boolean question is neither `true` nor `false`"),
    ] {
        assert_eq!(refused(&packages(&[package])), [what]);
    }
    let twice = packages(&[package("app", "present"), package("app", "absent")]);
    assert_eq!(refused(&twice), ["package `app` is declared twice"]);
    let mut holds = packages(&[]);
    holds["apt"]["holds"] = json!(["Linux"]);
    assert_eq!(refused(&holds), ["`Linux` is neither the name of a package nor a pattern"]);
}

#[test]
fn a_state_that_a_unit_cannot_have_is_refused() {
    let states = |states: Value| refused(&json!({ "unitStates": states }));
    let yes = Some(true);
    for (name, state, what) in [
        ("cups.service", [None, None, None], "the state of unit cups.service says nothing"),
        ("cups.service", [None, yes, yes], "unit cups.service cannot be masked and be enabled or running"),
        ("getty@.service", [None, yes, None], "unit getty@.service is a template, which cannot run"),
    ] {
        assert_eq!(states(json!([unit_state(name, state)])), [what]);
    }
    let masked = unit_state("cups.service", [None, None, yes]);
    assert_eq!(states(json!([masked, masked])), ["the state of unit cups.service is declared twice"]);
}
