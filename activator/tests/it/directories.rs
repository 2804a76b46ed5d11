//! Tests of directories that are added, changed and removed, and of paths at which a directory replaces a
//! file or a file replaces a directory.

use serde_json::json;

use crate::room::{Room, directory, file, with};

#[test]
fn a_directory_that_is_no_longer_asked_for_gets_the_usual_access_back() {
    let room = Room::new();
    let conf = file("/srv/app/conf", Some("a\n"));
    room.applied(&room.closure("one", &json!({ "files": [&conf] })), "ok");
    let before = room.tree("/srv");
    let closed = json!({ "directories": [directory("/srv/app", "0700")], "files": [&conf] });
    let two = room.closure("two", &closed);
    room.applied(&two, "ok");
    assert_eq!(room.rollback("1")["outcome"], "ok");
    assert_eq!(room.tree("/srv"), before);
    assert_eq!(room.status()["drift"], json!([]));

    // A rollback keeps the mode of /srv/app if that mode was changed manually.
    room.applied(&two, "ok");
    room.chmod("/srv/app", 0o711);
    assert_eq!(room.rollback("1")["outcome"], "ok");
    assert!(room.tree("/srv").starts_with("/srv/app 40711\n"), "{}", room.tree("/srv"));
}

#[test]
fn an_original_outlives_a_directory_in_its_place() {
    let room = Room::new();
    room.write("/etc/thing", "mine\n");
    let ours = with(file("/etc/thing", Some("ours\n")), "onConflict", "backup");
    let one = room.closure("one", &json!({ "files": [ours] }));
    let two = room.closure("two", &json!({ "directories": [directory("/etc/thing", "0755")] }));
    let nothing = room.closure("nothing", &json!({}));
    room.applied(&one, "ok");
    room.applied(&two, "ok");
    assert_eq!(room.rollback("1")["outcome"], "ok");
    assert_eq!(room.read("/etc/thing"), "ours\n");

    room.applied(&two, "ok");
    room.applied(&nothing, "ok");
    assert_eq!(room.read("/etc/thing"), "mine\n");

    // A directory is not removed if it contains files that NixFleet does not own.
    room.applied(&one, "ok");
    room.applied(&two, "ok");
    room.write("/etc/thing/theirs", "x");
    let plan = room.plan_text(&nothing);
    let why = "not empty: /etc/thing/theirs is not managed by NixFleet; the original is in the backup \
               /var/lib/nixfleet/originals/";
    assert!(plan.contains(why), "{plan}");
    room.applied(&nothing, "ok");
    assert_eq!(room.read("/etc/thing/theirs"), "x");
}
