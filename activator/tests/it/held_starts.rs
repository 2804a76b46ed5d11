//! Tests of records of apt that are left on a host: they are never ignored, and units of new packages stay
//! held as long as their configuration is not in place. A directory has no packages, so only the units of a
//! target decide about held units.

use std::fs;

use serde_json::json;

use crate::room::{Room, file, unit};

const HELD: &str = "/var/lib/nixfleet/held.json";
const RECORD: &str = r#"{"schema":1,"units":{"app.service":{"package":"app","starts":true}}}"#;
const DROP_IN: &str = "/etc/systemd/system/app.service.d/zz-nixfleet-held.conf";

/// Creates a host with a generation, whose unit `app.service` is held.
fn with_held_unit() -> (Room, String) {
    let room = Room::new();
    let closure = room.closure("base", &json!({ "files": [file("/etc/a", Some("1"))] }));
    room.applied(&closure, "ok");
    room.write(HELD, RECORD);
    room.write(DROP_IN, "[Unit]\nConditionPathExists=!/var/lib/nixfleet/held.json\n");
    (room, closure)
}

#[test]
fn a_unit_whose_package_the_target_does_not_want_stays_held() {
    let (room, closure) = with_held_unit();
    room.applied(&closure, "unchanged");
    assert_eq!(room.read(HELD).trim(), RECORD);
    let other = room.closure("other", &json!({ "files": [file("/etc/a", Some("2"))] }));
    room.applied(&other, "ok");
    assert_eq!(room.read(HELD).trim(), RECORD);
    assert!(room.read(DROP_IN).contains("ConditionPathExists=!/var/lib/nixfleet/held.json"));
    room.rollback("1");
    assert_eq!((room.read(HELD).trim(), room.read("/etc/a").as_str()), (RECORD, "1"));
    for record in ["released.json", "still-held.json"] {
        assert!(!room.path("/var/lib/nixfleet").join(record).exists(), "{record}");
    }
}

#[test]
fn a_unit_that_the_target_enables_is_released() {
    let (room, _) = with_held_unit();
    let text = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
    let with_unit = json!({ "units": [unit("app.service", Some(text), Some(true))] });
    room.applied(&room.closure("unit", &with_unit), "ok");
    assert!(!room.path(HELD).exists() && !room.path(DROP_IN).exists());
}

#[test]
fn a_host_with_records_of_apt_is_not_unchanged_at_once() {
    for (record, text) in [("packages.json", r#"{"schema":1,"installed":["app"]}"#), ("held.json", "torn")] {
        let room = Room::new();
        let closure = room.closure("base", &json!({}));
        room.applied(&closure, "ok");
        room.applied(&closure, "unchanged");
        room.write(&format!("/var/lib/nixfleet/{record}"), text);
        // The packages of a directory cannot be changed, and a torn record cannot be read.
        assert_eq!(room.apply(&closure)["outcome"], "blocked", "{record}");
        assert_ne!(room.plan(&closure)["problems"], json!([]), "{record}");
        fs::remove_file(room.path("/var/lib/nixfleet").join(record)).unwrap();
        room.applied(&closure, "unchanged");
    }
}
