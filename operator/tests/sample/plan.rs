//! A sample plan for unit tests.

use nixfleet_contract::plan::Plan;
use serde_json::{Value, json};

/// Returns a plan without steps: the host already has its target, generation 2. `differs` contains the fields
/// to set to other values.
pub fn plan(differs: Value) -> Plan {
    let mut plan = json!({
        "schema": 1, "host": "a", "fingerprint": "f",
        "current": { "number": 2, "closure": "/nix/store/2" }, "target": "/nix/store/2",
        "packages": { "added": [], "removed": [], "changed": [] }, "steps": [], "drift": [], "problems": [],
    });
    if let (Value::Object(plan), Value::Object(differs)) = (&mut plan, differs) {
        plan.extend(differs);
    }
    serde_json::from_value(plan).unwrap()
}
