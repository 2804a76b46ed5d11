//! Tests of home directories: they are created if missing, rejected if they belong to someone else, and
//! removed on undo unless they were used.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use expect_test::expect;
use serde_json::{Value, json};

use crate::accounts::user;
use crate::room::{Room, file, with};

/// Returns a user with the home directory /home/ada.
fn ada() -> Value {
    let user = with(with(user("ada"), "uid", 1500), "home", "/home/ada");
    with(with(user, "createHome", true), "system", false)
}

fn room() -> Room {
    let room = Room::new();
    room.write("/etc/login.defs", "UMASK 022\nHOME_MODE\t0750\n");
    room.write("/etc/skel/.bashrc", "# for everybody\n");
    room.write("/etc/skel/.config/deep", "deep\n");
    room.chmod("/etc/skel/.config", 0o700);
    symlink(".bashrc", room.path("/etc/skel/.link")).unwrap();
    room
}

fn access(room: &Room, path: &str) -> (u32, u32, u32) {
    let found = fs::symlink_metadata(room.path(path)).unwrap();
    (found.uid(), found.gid(), found.permissions().mode() & 0o7777)
}

fn lists(users: &Value, more: &[(&str, Value)]) -> Value {
    let mut lists = json!({ "groups": [{ "name": "ada", "gid": 1501 }], "users": users });
    for (list, value) in more {
        lists[list] = value.clone();
    }
    lists
}

#[test]
fn a_home_is_made_like_that_of_any_new_user_and_made_again_when_it_is_gone() {
    let room = room();
    let rc = with(with(file("/home/ada/.profile", Some("managed\n")), "owner", "ada"), "group", "ada");
    room.write("/etc/skel/.profile", "# not for ada\n");
    let one = room.closure("1", &lists(&json!([ada()]), &[("files", json!([rc]))]));
    expect![[r#"
        web-1: no generation → /1/out
          + group ada (id 1501)
          + user ada (id 1500), group ada, home /home/ada, shell /bin/sh
          + /home/  0755 root:root, needed by paths in it
          + /home/ada/  0750 ada:ada  home, with the files that every new home gets
          + /home/ada/.profile  0644 ada:ada
          ~ generation none → 1
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    assert_eq!(access(&room, "/home/ada"), (1500, 1501, 0o750));
    assert_eq!(access(&room, "/home/ada/.bashrc"), (1500, 1501, 0o644));
    assert_eq!(access(&room, "/home/ada/.config"), (1500, 1501, 0o700));
    assert_eq!(access(&room, "/home/ada/.config/deep"), (1500, 1501, 0o644));
    assert_eq!(
        (access(&room, "/home/ada/.link").0, room.read("/home/ada/.link").as_str()),
        (1500, "# for everybody\n")
    );
    assert_eq!(room.read("/home/ada/.profile"), "managed\n");
    room.applied(&one, "unchanged");

    fs::remove_dir_all(room.path("/home/ada")).unwrap();
    let plan = room.plan(&one);
    assert_eq!(plan["steps"][0]["step"], "createHome");
    assert_eq!(plan["drift"][0], json!({ "subject": "ada", "what": "home /home/ada: missing" }));
    room.applied(&one, "ok");
    assert_eq!(access(&room, "/home/ada"), (1500, 1501, 0o750));

    // A home directory is kept when its user is no longer managed.
    room.applied(&room.closure("2", &json!({})), "ok");
    assert_eq!(access(&room, "/home/ada/.bashrc"), (1500, 1501, 0o644));
}

#[test]
fn a_home_that_is_somebody_elses_is_refused_with_a_way_to_give_it() {
    let room = room();
    room.write("/home/ada/precious", "root's\n");
    let one = room.closure("1", &lists(&json!([ada()]), &[]));
    let before = room.tree("/");
    let report = room.applied(&one, "blocked");
    assert_eq!(report["problem"]["code"], "NF-407");
    expect!["the home /home/ada of `ada` belongs to root"]
        .assert_eq(report["problem"]["what"].as_str().unwrap());
    expect![[r#"
        make the user the owner of the directory, but not of its content: nixfleet.directories."/home/ada" = { mode = "0750"; owner = "ada"; group = "ada"; };
        if the home belonged to an earlier account of the user, set nixfleet.users.ada.uid to the id of that account
        leave the directory as it is: nixfleet.users.ada.createHome = false;"#]]
    .assert_eq(report["problem"]["help"].as_str().unwrap());
    assert_eq!(room.tree("/").replace("/var/lib/nixfleet 40700\n", ""), before);

    // Declare the home directory of ada, as the help text of the problem suggests.
    let given = json!([{ "path": "/home/ada", "mode": "0750", "owner": "ada", "group": "ada" }]);
    let two = room.closure("2", &lists(&json!([ada()]), &[("directories", given)]));
    room.applied(&two, "ok");
    assert_eq!(access(&room, "/home/ada"), (1500, 1501, 0o750));
    assert_eq!(access(&room, "/home/ada/precious").0, access(&room, "/etc").0);
    room.applied(&two, "unchanged");
    // The directory gets its previous owner back when it is no longer declared. Then the next plan warns that
    // the directory does not belong to ada.
    room.applied(&one, "ok");
    assert_eq!(access(&room, "/home/ada").0, access(&room, "/etc").0);
    assert_eq!(room.plan(&one)["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_home_that_goes_to_somebody_else_later_is_drift_and_holds_nothing_up() {
    let room = room();
    let one = room.closure("1", &lists(&json!([ada()]), &[]));
    room.applied(&one, "ok");
    std::os::unix::fs::chown(room.path("/home/ada"), Some(access(&room, "/etc").0), None).unwrap();
    let plan = room.plan(&one);
    assert_eq!(plan["drift"][0], json!({ "subject": "ada", "what": "home /home/ada: belongs to root" }));
    assert!(
        plan["warnings"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("its home /home/ada belongs to root; make the user the owner")
    );
    assert_eq!(room.status()["drift"], plan["drift"]);
    room.applied(&one, "unchanged");
    room.applied(&room.closure("2", &lists(&json!([with(ada(), "description", "Ada")]), &[])), "ok");
    assert_eq!(room.rollback("1")["outcome"], "ok");
}

#[test]
fn homes_that_cannot_be_are_refused() {
    for (name, what) in [
        ("file", "is not a directory"),
        ("dangling", "is not a directory"),
        ("linked/ada", "cannot be created"),
    ] {
        let room = room();
        room.write("/home/file", "a file\n");
        symlink("/nowhere", room.path("/home/dangling")).unwrap();
        symlink("/srv", room.path("/home/linked")).unwrap();
        fs::create_dir_all(room.path("/srv")).unwrap();
        let user = with(ada(), "home", format!("/home/{name}"));
        let report = room.applied(&room.closure("1", &lists(&json!([user]), &[])), "blocked");
        let said = report["problem"]["what"].as_str().unwrap();
        assert_eq!(said, format!("the home /home/{name} of `ada` {what}"));
    }
}

#[test]
fn a_home_that_is_the_users_by_way_of_a_link_is_its_home() {
    let room = room();
    fs::create_dir_all(room.path("/srv/ada")).unwrap();
    fs::create_dir_all(room.path("/home")).unwrap();
    std::os::unix::fs::chown(room.path("/srv/ada"), Some(1500), None).unwrap();
    symlink("../srv/ada", room.path("/home/ada")).unwrap();
    room.applied(&room.closure("1", &lists(&json!([ada()]), &[])), "ok");
    assert_eq!(fs::read_dir(room.path("/srv/ada")).unwrap().count(), 0);
}

#[test]
fn an_account_that_was_there_before_needs_no_home_unless_somebody_says_so() {
    let room = room();
    room.write("/etc/passwd", &(room.read("/etc/passwd") + "ada:x:1500:4::/home/ada:/bin/sh\n"));
    let fields = ["group", "home", "createHome", "shell", "system", "description"];
    let unstated = with(ada(), "unstated", json!(fields));
    room.applied(&room.closure("1", &json!({ "users": [unstated] })), "ok");
    assert!(!room.path("/home").exists());
    let stated = with(ada(), "unstated", json!(["group", "home", "shell", "system", "description"]));
    room.applied(&room.closure("2", &json!({ "users": [stated] })), "ok");
    assert_eq!(access(&room, "/home/ada"), (1500, 4, 0o750));
    assert!(room.path("/home/ada/.bashrc").exists());
}

#[test]
fn a_home_is_undone_with_its_user_unless_somebody_has_used_it() {
    for (added, stays) in [("", false), ("/home/ada/mine", true), ("/home/ada/.bashrc", true)] {
        // Kill a run right after it has created the home directory.
        let (room, before) = (1..)
            .find_map(|change| {
                let room = room();
                fs::create_dir_all(room.path("/home")).unwrap();
                let before = room.tree("/home");
                let closure = room.closure("1", &lists(&json!([ada()]), &[]));
                room.run_killed(&["apply", "--closure", &closure], change);
                room.path("/home/ada").exists().then_some((room, before))
            })
            .unwrap();
        if !added.is_empty() {
            room.write(added, "mine\n");
        }
        assert_eq!(room.rollback("99")["problem"]["code"], "NF-409");
        assert_eq!(room.path("/home/ada").exists(), stays, "{added}");
        assert_eq!(room.tree("/home") == before, !stays, "{added}");
        assert!(
            room.read("/etc/shadow").lines().any(|line| line.starts_with("ada:!:") && line.ends_with(":1:"))
        );
        assert!(!room.path("/var/lib/nixfleet/journal.json").exists());
        if stays {
            assert_eq!((access(&room, "/home/ada").0, room.read(added).as_str()), (1500, "mine\n"));
        }
    }
}
