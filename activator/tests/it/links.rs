//! Tests of symbolic links in an intent.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::room::{Room, link, with};

const PATH: &str = "/opt/app/current";

fn to(room: &Room, name: &str, target: &str, on_conflict: &str) -> String {
    let link = with(link(PATH, target), "onConflict", on_conflict);
    room.closure(name, &json!({ "links": [link] }))
}

fn target(room: &Room) -> String {
    fs::read_link(room.path(PATH)).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_link_is_made_changed_and_removed_and_its_target_is_left_alone() {
    let room = Room::new();
    room.write("/opt/app/releases/1", "one");
    room.applied(&to(&room, "1", "releases/1", "fail"), "ok");
    assert_eq!((target(&room).as_str(), room.read(PATH).as_str()), ("releases/1", "one"));
    // The target of a link need not exist.
    let second = to(&room, "2", "/nowhere", "fail");
    let plan = room.plan_text(&second);
    assert!(plan.contains("~ /opt/app/current → /nowhere  was releases/1"), "{plan}");
    room.applied(&second, "ok");
    assert_eq!(target(&room), "/nowhere");
    room.applied(&second, "unchanged");
    room.rollback("previous");
    assert_eq!(target(&room), "releases/1");
    room.applied(&room.closure("3", &json!({})), "ok");
    assert!(!room.path(PATH).is_symlink());
    assert_eq!(room.read("/opt/app/releases/1"), "one");
}

#[test]
fn a_link_that_was_changed_by_hand_is_drift_and_comes_back() {
    let room = Room::new();
    let first = to(&room, "1", "releases/1", "fail");
    room.applied(&first, "ok");
    fs::remove_file(room.path(PATH)).unwrap();
    symlink("/elsewhere", room.path(PATH)).unwrap();
    let drift = room.status()["drift"][0].clone();
    assert_eq!((&drift["subject"], &drift["what"]), (&json!(PATH), &json!("target releases/1 → /elsewhere")));
    room.applied(&first, "ok");
    assert_eq!(target(&room), "releases/1");
}

#[test]
fn what_stood_at_a_link_is_refused_adopted_or_put_back() {
    let standing: [fn(&Room); 2] = [
        |room| room.write(PATH, "by hand\n"),
        |room| {
            fs::create_dir_all(room.path("/opt/app")).unwrap();
            symlink("/by-hand", room.path(PATH)).unwrap();
        },
    ];
    for stand in standing {
        let room = Room::new();
        stand(&room);
        let before = room.tree("/opt");
        let report = room.applied(&to(&room, "1", "releases/1", "fail"), "blocked");
        assert_eq!(report["problem"]["code"], "NF-402");
        let help = report["problem"]["help"].as_str().unwrap();
        assert!(help.contains(r#"nixfleet.links."/opt/app/current".onConflict = "backup""#), "{help}");
        room.applied(&to(&room, "2", "releases/1", "backup"), "ok");
        assert_eq!(target(&room), "releases/1");
        room.applied(&room.closure("3", &json!({})), "ok");
        assert_eq!(room.tree("/opt"), before, "it is back");
        room.applied(&to(&room, "4", "releases/1", "adopt"), "ok");
        room.applied(&room.closure("5", &json!({})), "ok");
        assert!(!room.path(PATH).is_symlink(), "it was taken over for good");
    }
}

#[test]
fn a_target_that_no_link_can_have_is_refused_by_the_build() {
    let refusal = |target: &str| {
        let mut intent = crate::room::empty_intent();
        intent["links"] = json!([link(PATH, target)]);
        let room = tempfile::tempdir().unwrap();
        let output = crate::room::build(&intent, room.path());
        assert!(!output.status.success(), "{target:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for wrong in ["", "a\0b", &"x".repeat(4096)] {
        let said = refusal(wrong);
        assert!(said.contains("nixfleet.links") && said.contains("empty, too long"), "{said}");
    }
    let said = refusal("a\u{202e}b");
    assert!(said.contains("invisible character"), "{said}");
}

#[test]
fn nothing_stands_below_a_link() {
    let mut intent: Value = crate::room::empty_intent();
    intent["links"] = json!([link("/srv/current", "/srv/1")]);
    intent["files"] = json!([crate::room::file("/srv/current/a", Some("x"))]);
    let room = tempfile::tempdir().unwrap();
    let output = crate::room::build(&intent, room.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("/srv/current is declared as a link, so it cannot be the directory of /srv/current/a"),
        "{said}"
    );
}
