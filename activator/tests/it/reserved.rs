//! Tests of reserved paths, which only system tools may write. They cannot be declared, and paths that an
//! older NixFleet took over are released.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use expect_test::expect;
use serde_json::{Value, json};

use crate::room::{Room, directory, file, with};

/// Replaces a path in a record of the host, to imitate a record that an older NixFleet wrote.
fn rename(record: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(record).unwrap().replace(from, to);
    fs::set_permissions(record, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(record, text).unwrap();
}

fn manifest(closure: &str) -> std::path::PathBuf {
    Path::new(closure).join("manifest.json")
}

#[test]
fn a_manifest_made_by_hand_brings_no_new_one() {
    let room = Room::new();
    room.write("/etc/group", "root:x:0:\n");
    let files = json!([
        with(file("/etc/group.made", Some("root:x:0:\nada:x:0:\n")), "onConflict", "adopt"),
        file("/etc/free", Some("free\n")),
    ]);
    let directories = json!([directory("/etc/alternatives.made", "0755")]);
    let one = room.closure("1", &json!({ "files": files, "directories": directories }));
    rename(&manifest(&one), ".made", "");
    let before = room.read("/etc/group");
    expect![[r#"
        web-1: no generation → /1/out
          + /etc/free  0644 root:root
          ~ generation none → 1
        [NF-203] /etc/alternatives cannot be managed
          where: /etc/alternatives
          why: only update-alternatives may write there: it keeps the links together with its records of them
          help: run `update-alternatives --set NAME PATH` on the host
        [NF-203] /etc/group cannot be managed
          where: /etc/group
          why: only groupadd, gpasswd and similar tools may write it, under a lock: a fixed content would delete groups and memberships
          help: declare the groups: nixfleet.groups.app = { }; and memberships: nixfleet.users.ada.extraGroups = [ "app" ];
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "blocked");
    assert_eq!(room.read("/etc/group"), before);
}

/// Returns a host on which an older NixFleet manages two reserved paths, one of them adopted and one with an
/// original, and a closure without them.
fn host_from_before() -> (Room, String) {
    let room = Room::new();
    room.write("/etc/ld.so.cache.old", "the host's\n");
    room.write("/etc/machine-id.old", "the host's\n");
    let old: Value = json!([
        with(file("/etc/ld.so.cache.old", Some("ours\n")), "onConflict", "backup"),
        with(file("/etc/machine-id.old", Some("ours\n")), "onConflict", "adopt"),
    ]);
    let one = room.closure("1", &json!({ "files": old }));
    room.applied(&one, "ok");
    rename(&manifest(&one), ".old", "");
    rename(&room.path("/var/lib/nixfleet/state.json"), ".old", "");
    for place in ["/etc/ld.so.cache", "/etc/machine-id"] {
        fs::rename(room.path(&format!("{place}.old")), room.path(place)).unwrap();
    }
    let two = room.closure("2", &json!({}));
    (room, two)
}

#[test]
fn a_generation_from_before_the_rule_can_be_read_let_go_and_returned_to() {
    let (room, two) = host_from_before();
    assert_eq!(room.status()["drift"], json!([]), "it is read");
    assert_eq!(room.plan(room.status()["current"]["closure"].as_str().unwrap())["steps"], json!([]));

    expect![[r#"
        web-1: generation 1 → /2/out
          ~ /etc/ld.so.cache  the original from before NixFleet managed the path is restored
          = /etc/machine-id  left alone: only its own tools may write it, so it stays as it is
          ~ generation 1 → 2
    "#]]
    .assert_eq(&room.plan_text(&two));
    room.applied(&two, "ok");
    assert_eq!(room.read("/etc/ld.so.cache"), "the host's\n");
    assert_eq!(room.read("/etc/machine-id"), "ours\n", "a host without it would not be the same machine");

    let report = room.rollback("1");
    assert_eq!(report["outcome"], "ok", "{report:#}");
    assert_eq!(room.read("/etc/ld.so.cache"), "ours\n");
}

#[test]
fn a_conflict_at_such_a_place_is_not_to_be_overruled() {
    let (room, two) = host_from_before();
    rename(&manifest(room.status()["current"]["closure"].as_str().unwrap()), "backup", "fail");
    room.applied(&two, "ok");
    let report = room.rollback("1");
    assert_eq!(report["problem"]["code"], "NF-402", "{report:#}");
    assert!(!report["problem"]["help"].as_str().unwrap().contains("onConflict"), "{report:#}");
}
