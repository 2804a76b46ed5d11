//! Functions for tests of a host with health checks.

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use serde_json::Value;

use super::shared::{Shared, Turn};
use super::{applies, lone, outcomes_of};

/// Returns the host web-1.
pub fn web(lab: &Lab) -> &Guest {
    lab.guest("web-1").unwrap()
}

/// Declares health checks for web servers, in place of the previously declared checks.
pub fn checks(lab: &Lab, nix: &str) {
    let file = lab.operator().unwrap().guest().files().unwrap();
    let module = format!("{{ pkgs, host, ... }}:\n{{\n  nixfleet.healthChecks = {{\n{nix}\n  }};\n}}\n");
    file.write("/home/ada/fleet/roles/checks.nix", module).unwrap();
}

/// A lab with web-1. The fleet, with an empty module for health checks, was applied.
static CONVERGED: Shared = Shared::restored(|| {
    let lab = lone("web-1");
    let operator = lab.operator().unwrap();
    operator
        .edits(
            "roles/web.nix",
            "  nixfleet.packages =",
            "  imports = [ ./checks.nix ];\n  nixfleet.packages =",
        )
        .unwrap();
    checks(&lab, "");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    lab
});

/// Returns a lab with web-1, to which the fleet with an empty module for health checks was applied.
pub fn converged() -> Turn<'static> {
    CONVERGED.turn()
}

/// Runs an apply to web-1, and returns the result of the command and that of the host.
pub fn apply(lab: &Lab, flags: &str) -> (Finished, Value) {
    let line = format!("nixfleet apply --yes --json --host web-1 {flags}");
    let (finished, mut document) = lab.operator().unwrap().types_for_json(&line).unwrap();
    let host = document["hosts"][0].take();
    (finished, host)
}

/// Returns the results of the health checks. Each has the name of the check, whether it passed, the number of
/// attempts, and the detail.
pub fn found(host: &Value) -> Vec<(String, bool, u64, String)> {
    let results = host["healthChecks"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    results
        .map(|result| {
            let (passed, attempts) =
                (result["passed"].as_bool().unwrap(), result["attempts"].as_u64().unwrap());
            (text(&result["name"]), passed, attempts, text(&result["detail"]))
        })
        .collect()
}
