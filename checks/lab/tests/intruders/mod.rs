//! Tests of attacks by an unprivileged user of a managed host, and by a service that owns a directory with
//! managed files. Both try to abuse the programs that run as root on the host.

mod bends;
mod filesystems;
mod holds;
mod namespaces;
mod watches;

use serde_json::Value;

use crate::stage::outcomes;
use crate::stage::role::Stage;

/// Returns a host with the user mallory, who attacks it.
fn stage() -> Stage {
    with_mallory(Stage::set())
}

/// Adds the user mallory to a host.
fn with_mallory(stage: Stage) -> Stage {
    stage.web().ask("useradd --create-home --shell /bin/bash mallory").unwrap();
    stage
}

/// Starts a program as mallory in the background, which runs until its unit is stopped.
fn begins(stage: &Stage, unit: &str, program: &str) {
    let file = format!("/run/{unit}.pl");
    stage.web().files().unwrap().write(&file, program).unwrap();
    let line = format!(
        "chmod a+r {file} && systemd-run --quiet --collect --unit={unit} --uid=mallory --working-directory=/home/mallory perl {file}"
    );
    stage.web().ask(&line).unwrap();
}

fn runs_python(stage: &Stage, unit: &str, program: &str) {
    let file = format!("/run/{unit}.py");
    stage.web().files().unwrap().write(&file, program).unwrap();
    let line = format!(
        "chmod a+r {file} && systemd-run --quiet --collect --unit={unit} --uid=mallory --working-directory=/home/mallory \
         --property=TasksMax=1000 python3 {file}"
    );
    stage.web().ask(&line).unwrap();
}

/// Runs an apply, and returns the outcome and the result of the host, whatever the exit code.
fn apply(stage: &Stage, flags: &str) -> (String, Value) {
    let (finished, mut document) =
        stage.types_for_json(&format!("nixfleet apply --yes --json --host web-1 {flags}"));
    let outcome = outcomes(&document).remove("web-1");
    (outcome.unwrap_or_else(|| panic!("{finished}")), document["hosts"][0].take())
}
