//! Tests of the files with the logins for package sources.

use nixfleet_contract::problem::Code;
use serde_json::{Value, json};

use crate::room::{Room, file, link};

const LINK: &str = "/etc/apt/auth.conf.d/nixfleet-app.conf";
const LOGIN: &str = "/srv/login";

fn with_login(room: &Room, name: &str, files: &[Value]) -> String {
    room.closure(name, &json!({ "links": [link(LINK, LOGIN)], "files": files }))
}

/// Asserts that a closure is refused because of the login, with this reason and this remedy.
#[track_caller]
fn assert_refused(room: &Room, closure: &str, why: &str, help: &str) {
    let report = room.applied(closure, "blocked");
    let problem = &report["problem"];
    assert_eq!(problem["code"], json!(Code::Packages), "{problem:#}");
    assert_eq!(problem["where"], "nixfleet.apt.sources.\"app\".credentials", "{problem:#}");
    for (field, part) in [("why", why), ("help", help)] {
        assert!(problem[field].as_str().unwrap().contains(part), "{part}: {problem:#}");
    }
    assert!(!room.path(LINK).is_symlink());
}

#[test]
fn a_source_is_refused_while_others_can_read_its_login() {
    let room = Room::new();
    let first = with_login(&room, "1", &[]);
    assert_refused(
        &room,
        &first,
        "No such file",
        "create the file; then on the host: chown root: /srv/login",
    );
    room.write(LOGIN, "machine example.org login a password b\n");
    for mode in [0o644, 0o604, 0o620] {
        room.chmod(LOGIN, mode);
        let why = format!("its mode is {mode:04o}");
        assert_refused(&room, &first, &why, "on the host: chown root: /srv/login && chmod 0600 /srv/login");
    }
    std::fs::remove_file(room.path(LOGIN)).unwrap();
    let declared = with_login(&room, "declared", &[file("/srv/login", Some("login"))]);
    assert_refused(&room, &declared, "in the Nix store", "remove the declaration of the file");
    room.write(LOGIN, "machine example.org login a password b\n");
    room.chmod(LOGIN, 0o600);
    room.applied(&first, "ok");
}

#[test]
fn a_login_that_others_can_read_later_prevents_no_change_and_no_rollback() {
    let room = Room::new();
    room.write(LOGIN, "machine example.org login a password b\n");
    room.chmod(LOGIN, 0o600);
    room.applied(&with_login(&room, "1", &[]), "ok");
    room.chmod(LOGIN, 0o644);
    let second = with_login(&room, "2", &[file("/etc/app.conf", Some("x"))]);
    let plan = room.plan_text(&second);
    assert!(plan.contains("/srv/login") && plan.contains("its mode is 0644"), "{plan}");
    room.applied(&second, "ok");
    room.applied(&room.closure("3", &json!({})), "ok");
    assert!(!room.path(LINK).is_symlink());
    assert_eq!(room.rollback("previous")["outcome"], "ok");
    assert!(room.path(LINK).is_symlink());
}
