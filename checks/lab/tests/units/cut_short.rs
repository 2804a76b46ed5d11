//! Tests of changes that are interrupted because nobody confirms them or because the activator is killed.
//! Each unit that ran before must run again, even if it is not part of the plan.

use std::thread;

use nixfleet_lab::command::Finished;
use nixfleet_lab::snapshot::Snapshot;
use serde_json::json;

use super::bystanders::{assert_active, by_hand, tied};
use crate::stage::role::{Stage, enabled, runs, service};
use crate::stage::{assert_says, outcomes, outcomes_of};

/// The units that run before the change.
const RUNNING: [&str; 7] = [
    "dep.service",
    "top.service",
    "own.service",
    "bound.service",
    "part.service",
    "far.service",
    "old.service",
];
const NEEDS: &str = "Requires=dep.service\nAfter=dep.service";
const AT_THE_GATE: &str = "pgrep --full '^/usr/bin/head -c1 /run/gate'";
const KILL: &str = "kill -KILL $(systemctl show --value -p MainPID \
                    $(systemctl list-units --plain --no-legend 'nixfleet-run-*' | cut -d' ' -f1))";

/// Sets up dep.service and other units that depend on it, some by NixFleet and some by hand. Then declares a
/// change that restarts dep.service, starts rival.service, which stops old.service, and waits at a gate:
/// gate.service reads from a pipe.
fn changes() -> Stage {
    let stage = Stage::set();
    // A pipe at `/run/hold` pauses the start of the old dep.service.
    let hold = "ExecStartPre=/bin/sh -c 'test ! -p /run/hold || head -c1 /run/hold'";
    let dep = format!(
        "[Unit]\nDescription=Old\n{}",
        service(&format!("{hold}\nExecStart=/usr/bin/sleep infinity"))
    );
    let top = enabled(&tied(NEEDS, 1));
    stage.declares_units([("dep.service", enabled(&dep)), ("top.service", top.clone())]);
    stage.applies();
    by_hand(
        &stage,
        &[
            ("own.service", tied(NEEDS, 1)),
            ("bound.service", tied("BindsTo=dep.service\nAfter=dep.service", 1)),
            ("part.service", tied("PartOf=dep.service\nAfter=dep.service", 1)),
            ("far.service", tied("Requires=own.service\nAfter=own.service", 1)),
            ("old.service", runs(1)),
        ],
    );
    stage.web().ask("mkfifo /run/gate").unwrap();
    let gate = "Type=oneshot\nRemainAfterExit=true\nExecStart=/usr/bin/head -c1 /run/gate";
    let gate = format!("[Unit]\nAfter=dep.service rival.service\n{}", service(gate));
    stage.declares(&json!({ "systemd": { "units": {
        "dep.service": enabled(&format!("[Unit]\nDescription=New\n{}", runs(2))),
        "top.service": top,
        "rival.service": enabled(&tied("Conflicts=old.service", 1)),
        "gate.service": enabled(&gate),
    } } }));
    assert_active(&stage, &RUNNING);
    stage
}

/// Starts an apply, and calls `act` while the apply waits at the gate.
fn meanwhile(stage: &Stage, flags: &str, act: impl FnOnce()) -> Finished {
    thread::scope(|scope| {
        let typed = scope.spawn(|| stage.types(&format!("nixfleet apply --yes --json --host web-1 {flags}")));
        stage.waits_for(AT_THE_GATE);
        act();
        typed.join().unwrap()
    })
}

#[track_caller]
fn assert_back(stage: &Stage, before: &Snapshot) {
    assert_active(stage, &RUNNING);
    let difference = before.difference(&Snapshot::take(stage.web()).unwrap());
    let difference: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
    assert!(difference.is_empty(), "web-1 is not as it was:\n{}", difference.join("\n"));
}

#[track_caller]
fn assert_interrupted(finished: &Finished) {
    let document = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
    assert_says(finished, 2, &["NF-414"]);
}

#[test]
fn what_went_down_with_a_change_that_nobody_confirms_comes_back() {
    let stage = changes();
    let before = Snapshot::take(stage.web()).unwrap();
    meanwhile(&stage, "--confirm-timeout 2", || {
        let operator = stage.operator();
        operator.ask("pkill -KILL --exact nixfleet; pkill -KILL --exact ssh").unwrap();
        stage.web().ask("echo > /run/gate").unwrap();
    });
    stage.waits_for("grep rolled-back /run/nixfleet/*.jsonl");
    assert_back(&stage, &before);
    assert_says(&stage.types("nixfleet status --host web-1"), 0, &["NF-413"]);
}

#[test]
fn what_went_down_with_a_change_whose_activator_is_killed_comes_back() {
    let stage = changes();
    let before = Snapshot::take(stage.web()).unwrap();
    let finished = meanwhile(&stage, "", || drop(stage.web().ask(KILL).unwrap()));
    assert_interrupted(&finished);
    assert_back(&stage, &before);
}

#[test]
fn what_went_down_comes_back_also_where_the_way_back_is_killed() {
    let stage = changes();
    let before = Snapshot::take(stage.web()).unwrap();
    meanwhile(&stage, "", || {
        stage.web().ask("mkfifo /run/hold").unwrap();
        stage.web().ask(KILL).unwrap();
        // When the old dep.service starts, the old files are restored, and systemd no longer knows the
        // conflicts that the new files declared.
        stage.waits_for("pgrep --full '^head -c1 /run/hold'");
        let kill = "pkill -KILL --full 'recover --behin[d]'; rm /run/hold; pkill --full '^head -c[1]'";
        stage.web().ask(kill).unwrap();
    });
    stage.web().ask("/nix/var/nix/profiles/nixfleet/activator recover").unwrap();
    assert_back(&stage, &before);
}
