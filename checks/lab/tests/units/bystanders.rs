//! Tests of units that are not part of the plan. If systemd stops or starts such a unit because of a change,
//! the unit must be in its previous state after the change.

use serde_json::{Value, json};

use crate::stage::assert_says;
use crate::stage::role::{Stage, enabled, runs, service, stat};

/// Returns the text of a service with these relations (`ties`) to other units.
pub fn tied(ties: &str, version: u32) -> String {
    format!("[Unit]\n{ties}\n{}", runs(version))
}

/// Adds units by hand, without NixFleet, and starts them.
pub fn by_hand<const N: usize>(stage: &Stage, units: &[(&str, String); N]) {
    let files = stage.web().files().unwrap();
    for (name, text) in units {
        files.write(&format!("/run/systemd/system/{name}"), text).unwrap();
    }
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    stage.web().ask(&format!("systemctl daemon-reload; systemctl start {}", names.join(" "))).unwrap();
}

#[track_caller]
pub fn assert_active(stage: &Stage, units: &[&str]) {
    for unit in units {
        assert_eq!(stage.unit(unit).active, "active", "{unit}");
    }
}

#[test]
fn what_comes_back_and_ends_at_once_is_no_success_and_is_named() {
    let stage = Stage::set();
    // dep.service decides whether the units that depend on it can run. systemd restarts them together with
    // dep.service, and does not report that they fail.
    let dep = |says: &str| {
        let start = format!("ExecStartPre=/usr/bin/{says} /run/broken\nExecStart=/usr/bin/sleep infinity");
        enabled(&format!("[Unit]\nDescription={says}\n{}", service(&start)))
    };
    let hangs_on = "Requires=dep.service\nAfter=dep.service";
    let script = "test ! -e /run/broken || { sleep 0.1; exit 1; }; exec sleep infinity";
    let hangs = format!("[Unit]\n{hangs_on}\n{}", service(&format!("ExecStart=/bin/sh -c '{script}'")));
    stage.declares_units([("dep.service", dep("rm -f")), ("top.service", stat(&runs(1)))]);
    stage.applies();
    by_hand(&stage, &[("own.service", hangs.clone())]);

    // own.service, which NixFleet does not manage, fails. The change is kept, and the failure is reported.
    stage.declares_units([("dep.service", dep("touch")), ("top.service", stat(&runs(1)))]);
    let finished = stage.types("nixfleet apply --yes --host web-1");
    assert_says(&finished, 0, &["own.service ran before and no longer runs"]);

    // top.service, which NixFleet manages, fails, so the change is rolled back. The unit runs again after the
    // rollback, so it is not reported as stopped.
    stage.declares_units([("dep.service", dep("rm -f")), ("top.service", enabled(&hangs))]);
    stage.applies();
    stage.declares_units([("dep.service", dep("touch")), ("top.service", enabled(&hangs))]);
    let finished = stage.types("nixfleet apply --yes --host web-1");
    assert_says(&finished, 2, &["rolled-back", "NF-406", "top.service"]);
    assert!(!finished.stdout.contains("ran before and no longer runs"), "{finished}");
    assert_active(&stage, &["dep.service", "top.service"]);
}

#[test]
fn what_goes_down_with_a_unit_comes_back_with_it() {
    let stage = Stage::set();
    let needs = "Requires=dep.service\nAfter=dep.service";
    let bound = "BindsTo=dep.service\nAfter=dep.service";
    let declares = |dep: &str, more: &[(&str, Value)]| {
        let dep = format!("[Unit]\nDescription={}\nOnFailure=alarm.service\n{}", dep.len(), service(dep));
        let mut units = json!({ "dep.service": enabled(&dep), "top.service": enabled(&tied(needs, 1)) });
        units
            .as_object_mut()
            .unwrap()
            .extend(more.iter().map(|(name, unit)| ((*name).to_owned(), unit.clone())));
        stage.declares(&json!({ "systemd": { "units": units } }));
    };
    let good = "ExecStartPre=/bin/true\nExecStart=/usr/bin/sleep infinity";
    declares(good, &[]);
    stage.applies();
    by_hand(
        &stage,
        &[
            ("own.service", tied(needs, 1)),
            ("bound.service", tied(bound, 1)),
            ("far.service", tied("Requires=own.service\nAfter=own.service", 1)),
            ("old.service", runs(1)),
        ],
    );
    let alarm = stage.web().files().unwrap();
    alarm.write("/run/systemd/system/alarm.service", runs(1)).unwrap();
    stage.web().ask("systemctl daemon-reload").unwrap();
    let all = ["dep.service", "top.service", "own.service", "bound.service", "far.service", "old.service"];

    // dep.service fails before its main process starts, so systemd does not start the dependent units again.
    // `fails` compares snapshots, and so verifies that all units, including alarm.service, are in their
    // previous state.
    declares("ExecStartPre=/bin/false\nExecStart=/usr/bin/sleep infinity", &[]);
    stage.fails("rolled-back", "NF-406", &["dep.service"]);
    assert_active(&stage, &all);
    declares("ExecStart=/bin/false", &[]);
    stage.fails("rolled-back", "NF-406", &["dep.service"]);
    assert_active(&stage, &all);

    // A new unit, rival.service, would stop top.service, a unit of NixFleet, for good. So the change is
    // rolled back.
    declares(good, &[("rival.service", enabled(&tied("Conflicts=top.service", 1)))]);
    stage.fails("rolled-back", "NF-406", &["top.service", "rival.service", "Conflicts"]);
    assert_active(&stage, &all);

    // A new unit, new.service, stops old.service, which NixFleet does not manage. The change is kept, and the
    // stop is reported.
    declares(good, &[("new.service", enabled(&tied("Conflicts=old.service", 1)))]);
    let finished = stage.types("nixfleet apply --yes --host web-1");
    assert_says(&finished, 0, &["old.service ran before and no longer runs", "new.service"]);
    assert_active(&stage, &["new.service", "dep.service", "top.service", "own.service", "bound.service"]);
    stage.rolls_back();
    assert_active(&stage, &["dep.service", "top.service", "own.service", "bound.service", "far.service"]);

    // After a successful change of dep.service, the units that depend on it run.
    declares(&format!("{good}\nEnvironment=V=2"), &[]);
    stage.applies();
    assert_active(&stage, &["dep.service", "top.service", "own.service", "bound.service", "far.service"]);

    // Without dep.service, the units that depend on it stay down. The plan and the apply report this.
    stage.declares_units([("top.service", stat(&runs(1)))]);
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(&plan, 0, &["own.service", "bound.service", "depends on dep.service"]);
    let finished = stage.types("nixfleet apply --yes --host web-1");
    assert_says(&finished, 0, &["own.service ran before and no longer runs"]);
}
