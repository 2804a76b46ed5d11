//! Tests of NixFleet on NixOS hosts. The hosts are stand-ins, whose interface the tests in `nixos` verify.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alone;
#[path = "../stage/mod.rs"]
mod stage;

use nixfleet_lab::command::Finished;
use nixfleet_lab::lab::Lab;
use serde_json::Value;

/// Applies the fleet to one host. Returns the finished command and the host's part of its document.
fn apply(lab: &Lab, host: &str, more: &str) -> (Finished, Value) {
    let line = format!("nixfleet apply --yes --json --host {host} {more}");
    let (finished, document) = lab.operator().unwrap().types_for_json(&line).unwrap();
    (finished, document["hosts"][0].clone())
}

/// Applies the fleet to one host and checks the outcome.
fn applied(lab: &Lab, host: &str, outcome: &str) -> Value {
    let (finished, document) = apply(lab, host, "");
    assert_eq!(document["outcome"], outcome, "{finished}");
    document
}
