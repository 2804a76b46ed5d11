//! Tests of paths that change their type between generations, along with everything below them.

use std::fs;

use serde_json::{Value, json};

use crate::room::{Room, absent, directory, file, link, with};

/// A description, and intent lists that declare `/srv/thing` in the way that the description says.
type Shape = (&'static str, fn() -> Value);

const SHAPES: [Shape; 7] = [
    ("nothing", || json!({})),
    ("a file", || json!({ "files": [file("/srv/thing", Some("a file\n"))] })),
    ("a link", || json!({ "links": [link("/srv/thing", "/etc/passwd")] })),
    ("an empty directory", || json!({ "directories": [directory("/srv/thing", "0750")] })),
    ("a directory with a file", || {
        json!({
            "directories": [directory("/srv/thing", "0711")],
            "files": [file("/srv/thing/a", Some("in it\n"))],
        })
    }),
    ("directories nested deep", || {
        json!({ "files": [
            file("/srv/thing/a/b/c", Some("deep\n")),
            file("/srv/thing/a/d", Some("in between\n")),
            file("/srv/thing/e", Some("beside\n")),
        ] })
    }),
    ("nothing for good", || json!({ "absent": [absent("/srv/thing")] })),
];

/// Returns the tree without timestamps, which differ for rewritten files.
fn standing(room: &Room) -> Vec<String> {
    let untimed = |line: &str| match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
        [path, mode, _, content] if content.starts_with('"') => format!("{path} {mode} {content}"),
        _ => line.to_owned(),
    };
    room.tree("/srv").lines().map(untimed).collect()
}

#[test]
fn every_shape_becomes_every_other_and_comes_back() {
    for (from, old) in SHAPES {
        for (to, new) in SHAPES.into_iter().filter(|(to, _)| *to != from) {
            let room = Room::new();
            room.write("/srv/beside", "not ours\n");
            let before = standing(&room);
            let [old, new] = [(from, old()), (to, new())].map(|(shape, lists)| room.closure(shape, &lists));
            room.applied(&old, "ok");
            let as_old = standing(&room);
            let expected = {
                let other = Room::new();
                other.write("/srv/beside", "not ours\n");
                other.applied(&new, "ok");
                standing(&other)
            };
            room.applied(&new, "ok");
            assert_eq!(standing(&room), expected, "from {from} to {to}");
            room.applied(&new, "unchanged");
            assert_eq!(room.rollback("1")["outcome"], "ok", "back from {to} to {from}");
            assert_eq!(standing(&room), as_old, "back from {to} to {from}");
            assert_eq!(room.status()["drift"], json!([]), "back from {to} to {from}");
            room.applied(&room.closure("end", &json!({})), "ok");
            assert_eq!(standing(&room), before, "from {from} to {to} to nothing");
        }
    }
}

#[test]
fn an_original_comes_back_after_every_shape_in_its_place() {
    for (shape, lists) in SHAPES {
        let room = Room::new();
        room.write("/srv/thing", "stood here\n");
        room.chmod("/srv/thing", 0o604);
        let before = room.tree("/srv");
        let ours = with(file("/srv/thing", Some("ours\n")), "onConflict", "backup");
        let one = room.closure("one", &json!({ "files": [ours] }));
        room.applied(&one, "ok");
        let other = room.closure(shape, &lists());
        if shape != "nothing" {
            room.applied(&other, "ok");
            assert_eq!(room.rollback("1")["outcome"], "ok", "{shape}");
            assert_eq!(room.read("/srv/thing"), "ours\n", "{shape}");
        }
        room.applied(&other, "ok");
        room.apply(&room.closure("end", &json!({})));
        assert_eq!(room.tree("/srv"), before, "{shape}");
    }
}

#[test]
fn an_edit_by_hand_is_kept_when_its_file_makes_way() {
    let room = Room::new();
    let one = room.closure("one", &json!({ "files": [file("/srv/thing", Some("1\n"))] }));
    let two = room.closure("two", &json!({ "files": [file("/srv/thing/a", Some("2\n"))] }));
    for round in 1..=3 {
        room.applied(&one, "ok");
        room.write("/srv/thing", &format!("by hand {round}\n"));
        let plan = room.plan(&two);
        assert_eq!(plan["drift"], json!([{ "subject": "/srv/thing", "what": "content edited" }]));
        let kept = room.applied(&two, "ok")["kept"][0].as_str().unwrap().to_owned();
        assert_eq!(room.read(&kept), format!("by hand {round}\n"));
        room.write("/srv/thing/a", &format!("also by hand {round}\n"));
        assert_eq!(room.plan(&one)["problems"], json!([]));
        let report = room.rollback("1");
        assert_eq!(room.read(report["kept"][0].as_str().unwrap()), format!("also by hand {round}\n"));
        assert_eq!(room.rollback("2")["outcome"], "ok");
    }
    assert_eq!(room.status()["kept"].as_array().unwrap().len(), 6);
}

/// A description, a manual change to a directory that will become a file, and the reason that the problem
/// must contain.
type Stranger = (&'static str, fn(&Room), &'static str);

const STRANGERS: [Stranger; 5] = [
    (
        "a file beside ours",
        |room| room.write("/srv/thing/theirs", "x"),
        "/srv/thing/theirs is not managed by NixFleet",
    ),
    (
        "a file further down",
        |room| room.write("/srv/thing/a/b/theirs", "x"),
        "/srv/thing/a/b/theirs is not managed by NixFleet",
    ),
    (
        "an empty directory",
        |room| fs::create_dir(room.path("/srv/thing/a/theirs")).unwrap(),
        "/srv/thing/a/theirs is not managed by NixFleet",
    ),
    (
        "a directory in the place of a file of ours",
        |room| {
            fs::remove_file(room.path("/srv/thing/e")).unwrap();
            room.write("/srv/thing/e/theirs", "x");
        },
        "/srv/thing/e is no longer owned by NixFleet",
    ),
    (
        "a name that is no text",
        |room| room.write("/srv/thing/a\nb", "x"),
        "/srv/thing/a\\nb is not managed by NixFleet",
    ),
];

#[test]
fn a_directory_with_something_of_somebody_elses_does_not_make_way() {
    for (name, meddle, why) in STRANGERS {
        let room = Room::new();
        room.applied(&room.closure("one", &SHAPES[5].1()), "ok");
        let two = room.closure("two", &SHAPES[1].1());
        meddle(&room);
        let before = room.tree("/");
        let plan = room.plan(&two);
        let problem = &plan["problems"][0];
        assert_eq!((&problem["code"], &problem["where"]), (&json!("NF-402"), &json!("/srv/thing")), "{name}");
        assert!(problem["why"].as_str().unwrap().contains(why), "{name}: {problem}");
        room.applied(&two, "blocked");
        assert_eq!(room.tree("/"), before, "{name}");
    }
}

#[test]
fn a_directory_with_an_original_to_put_back_does_not_make_way() {
    let room = Room::new();
    room.applied(&room.closure("one", &json!({ "directories": [directory("/srv/thing", "0755")] })), "ok");
    room.write("/srv/thing/a", "stood here\n");
    let ours = with(file("/srv/thing/a", Some("ours\n")), "onConflict", "backup");
    let lists = json!({ "directories": [directory("/srv/thing", "0755")], "files": [ours] });
    room.applied(&room.closure("two", &lists), "ok");
    let problem = room.plan(&room.closure("three", &SHAPES[1].1()))["problems"][0].clone();
    assert!(
        problem["why"].as_str().unwrap().contains("the original of /srv/thing/a is restored there"),
        "{problem}"
    );
    room.applied(&room.closure("end", &json!({})), "ok");
    assert_eq!(room.read("/srv/thing/a"), "stood here\n");
}

#[test]
fn a_directory_that_was_there_before_does_not_make_way() {
    let room = Room::new();
    fs::create_dir_all(room.path("/srv/thing")).unwrap();
    room.applied(&room.closure("one", &SHAPES[4].1()), "ok");
    let problem = room.plan(&room.closure("two", &SHAPES[1].1()))["problems"][0].clone();
    assert!(problem["why"].as_str().unwrap().contains("existed before NixFleet managed it"), "{problem}");
}

#[test]
fn an_original_whose_directory_is_gone_stays_where_it_is_kept() {
    let room = Room::new();
    room.write("/srv/deep/thing", "stood here\n");
    let ours = with(file("/srv/deep/thing", Some("ours\n")), "onConflict", "backup");
    room.applied(&room.closure("one", &json!({ "files": [ours] })), "ok");
    fs::remove_dir_all(room.path("/srv/deep")).unwrap();
    let end = room.closure("end", &json!({}));
    let release = room.plan(&end)["steps"][0].clone();
    let kept = release["why"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    room.applied(&end, "ok");
    assert_eq!(room.read(&kept), "stood here\n", "{release}");
}
