//! Tests of masked units: a unit file is declared where a link to `/dev/null` masks the unit.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::room::{Room, file, unit, with};

const APP: &str = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
const PATH: &str = "/etc/systemd/system/app.service";

/// Returns the declaration of a unit that replaces what exists at the paths of its files.
fn app() -> Value {
    with(unit("app.service", Some(APP), Some(true)), "onConflict", json!("backup"))
}

/// Creates a host on which the unit is masked, and applies a first generation without the unit.
fn masked() -> Room {
    let room = Room::new();
    fs::create_dir_all(room.path("/etc/systemd/system")).unwrap();
    symlink("/dev/null", room.path(PATH)).unwrap();
    let without = room.closure("without", &json!({ "files": [file("/etc/a", Some("1"))] }));
    assert_eq!(room.apply(&without)["outcome"], "ok");
    room
}

/// Returns the unit steps of a plan, each as its kind, its unit and its reason.
fn unit_steps(plan: &Value) -> Vec<String> {
    let text = |step: &Value, field: &str| step[field].as_str().unwrap_or_default().to_owned();
    let steps = plan["steps"].as_array().unwrap().iter();
    let of_units = steps.filter(|step| text(step, "step").ends_with("Unit"));
    of_units.map(|step| ["step", "unit", "why"].map(|field| text(step, field)).join(" ")).collect()
}

#[test]
fn a_unit_whose_original_is_a_mask_is_stopped_when_the_mask_comes_back() {
    let stops = ["stopUnit app.service its original is a mask, which is restored"];
    let room = masked();
    let with_app = room.closure("with", &json!({ "units": [app()] }));
    assert_eq!(room.apply(&with_app)["outcome"], "ok");
    assert_eq!(room.read(PATH), APP);

    let back: Value =
        serde_json::from_slice(&room.run(&["rollback", "--to", "1", "--plan", "--json"]).stdout).unwrap();
    assert_eq!(unit_steps(&back), stops, "{back:#}");
    // A file that names the unit in `restartUnits` does not restart the unit either.
    let named = with(file("/etc/a", Some("2")), "restartUnits", json!(["app.service"]));
    let without = room.closure("named", &json!({ "files": [named] }));
    let plan = room.plan(&without);
    assert_eq!(unit_steps(&plan), stops, "{plan:#}");
    assert_eq!(room.apply(&without)["outcome"], "ok");
    assert_eq!(fs::read_link(room.path(PATH)).unwrap(), Path::new("/dev/null"));
}

#[test]
fn a_unit_that_would_keep_running_is_not_stopped_when_its_mask_comes_back() {
    let room = masked();
    let keeps = with(app(), "stopIfRemoved", json!(false));
    assert_eq!(room.apply(&room.closure("with", &json!({ "units": [keeps] })))["outcome"], "ok");
    let plan = room.plan(&room.closure("empty", &json!({})));
    assert!(unit_steps(&plan).is_empty(), "{plan:#}");
}

#[test]
fn drop_ins_of_a_unit_whose_mask_comes_back_are_refused() {
    let room = masked();
    assert_eq!(room.apply(&room.closure("with", &json!({ "units": [app()] })))["outcome"], "ok");
    let mut dropped = unit("app.service", None, None);
    dropped["dropIns"] = json!([{ "name": "a.conf", "text": "[Service]\nNice=7\n" }]);
    let report = room.apply(&room.closure("dropped", &json!({ "units": [dropped] })));
    assert_eq!(report["outcome"], "blocked", "{report:#}");
    assert_eq!(report["problem"]["code"], "NF-421", "{report:#}");
    assert_eq!(room.read(PATH), APP, "nothing has changed");
}

#[test]
fn the_conflict_of_a_masked_unit_says_how_to_unmask_it() {
    let room = masked();
    let help = |closure: &str| {
        let report = room.apply(closure);
        assert_eq!(report["problem"]["code"], "NF-402", "{report:#}");
        report["problem"]["help"].as_str().unwrap().to_owned()
    };
    let told = help(&room.closure("with", &json!({ "units": [unit("app.service", Some(APP), Some(true))] })));
    assert!(told.starts_with("run `systemctl unmask app.service` on the host; or"), "{told}");
    assert!(told.contains("nixfleet.systemd.units.\"app.service\".onConflict = \"backup\""), "{told}");
    // Other links are no masks.
    fs::remove_file(room.path(PATH)).unwrap();
    symlink("/lib/systemd/system/app.service", room.path(PATH)).unwrap();
    let told =
        help(&room.closure("other", &json!({ "units": [unit("app.service", Some(APP), Some(true))] })));
    assert!(!told.contains("unmask"), "{told}");
}
