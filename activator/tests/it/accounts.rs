//! Users and groups over their lives: created, changed, disabled, enabled again, never deleted.

use expect_test::expect;
use serde_json::{Value, json};

use crate::room::{Room, directory, with};

pub fn user(name: &str) -> Value {
    json!({
        "name": name, "uid": null, "group": name, "extraGroups": [], "home": "/var/lib/web", "createHome": false,
        "shell": "/bin/sh", "system": true, "description": "",
    })
}

/// A line of an account file, with the parts that depend on the day of the test left out.
fn account(room: &Room, name: &str) -> String {
    let find = |file: &str| {
        let text = room.read(file);
        text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or("-").to_owned()
    };
    let shadow = find("/etc/shadow");
    let shadow: Vec<&str> = shadow.split(':').collect();
    format!("{} | password {} expires {}", find("/etc/passwd"), shadow[1], shadow[7])
}

#[test]
fn a_user_is_created_changed_disabled_and_enabled_again_under_the_same_id() {
    let room = Room::new();
    let owned = with(with(directory("/srv", "0750"), "owner", "web"), "group", "web");
    let lists = json!({
        "users": [with(with(user("web"), "uid", 990), "extraGroups", json!(["adm"]))],
        "groups": [{ "name": "web", "gid": 991 }],
        "directories": [owned],
    });
    let one = room.closure("1", &lists);
    expect![[r#"
        web-1: no generation → /1/out
          create group web
          create user web
          create directory /srv 0750 web:web
          switch the profile: generation none → 1
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    expect!["web:x:990:991::/var/lib/web:/bin/sh | password ! expires "].assert_eq(&account(&room, "web"));
    assert_eq!(room.plan(&one)["steps"], json!([]));
    assert!(room.read("/etc/group").contains("adm:x:4:web\n"));

    let two = room.closure("2", &json!({ "users": [with(user("web"), "shell", "/bin/bash")] }));
    expect![[r#"
        web-1: generation 1 → /2/out
          modify user web: shell: /bin/sh → /bin/bash, groups: adm → none
          remove directory /srv if it is empty
          switch the profile: generation 1 → 2
    "#]]
    .assert_eq(&room.plan_text(&two));
    room.applied(&two, "ok");
    assert!(room.read("/etc/group").contains("adm:x:4:\n"), "only memberships of ours are taken away");

    let three = room.closure("3", &json!({}));
    expect![[r#"
        web-1: generation 2 → /3/out
          switch the profile: generation 2 → 3
          disable user web
    "#]]
    .assert_eq(&room.plan_text(&three));
    room.applied(&three, "ok");
    expect!["web:x:990:991::/var/lib/web:/usr/sbin/nologin | password ! expires 1"]
        .assert_eq(&account(&room, "web"));
    expect![[r#"
        group web: created here
        user web: created here, disabled
    "#]]
    .assert_eq(&room.inspect());
    assert_eq!(room.plan(&three)["steps"], json!([]));

    expect![[r#"
        web-1: generation 3 → /1/out
          modify user web: shell: /usr/sbin/nologin → /bin/sh, groups: none → adm, disabled: yes → no
          create directory /srv 0750 web:web
          switch the profile: generation 3 → 4
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    expect!["web:x:990:991::/var/lib/web:/bin/sh | password ! expires "].assert_eq(&account(&room, "web"));
}

#[test]
fn a_user_that_was_there_before_is_managed_but_never_disabled() {
    let room = Room::new();
    let append = |file: &str, line: &str| room.write(file, &(room.read(file) + line));
    append("/etc/passwd", "web:x:1500:1500:by hand:/home/web:/bin/bash\n");
    append("/etc/group", "web:x:1500:\n");
    append("/etc/shadow", "web:$y$secret:19000:0:99999:7:::\n");
    let refused = room.closure("refused", &json!({ "users": [with(user("web"), "uid", 990)] }));
    assert_eq!(room.applied(&refused, "blocked")["problem"]["code"], "NF-407");
    room.applied(&room.closure("1", &json!({ "users": [user("web")] })), "ok");
    let managed = account(&room, "web");
    expect!["web:x:1500:1500::/var/lib/web:/bin/sh | password $y$secret expires "].assert_eq(&managed);
    room.applied(&room.closure("2", &json!({})), "ok");
    assert_eq!(account(&room, "web"), managed);
}

#[test]
fn a_failed_apply_leaves_its_new_user_disabled_and_knows_it_later() {
    let room = Room::new();
    let mut lists = json!({ "users": [with(user("web"), "extraGroups", json!(["adm"]))], "files": [] });
    // While the content is validated somebody else puts something where it should go.
    let meddle = format!("echo foreign >{}; test -e %s", room.path("/etc/a").display());
    let late = with(crate::room::file("/etc/a", Some("x")), "validate", json!(["sh", "-c", meddle]));
    lists["files"] = json!([late]);
    let report = room.applied(&room.closure("late", &lists), "rolled-back");
    assert_eq!(report["problem"]["code"], "NF-403");
    assert_eq!(room.read("/etc/a"), "foreign\n");
    assert!(account(&room, "web").ends_with("expires 1"));
    lists["files"] = json!([]);
    let fixed = room.closure("fixed", &lists);
    assert!(room.plan_text(&fixed).contains("disabled: yes → no"));
    room.applied(&fixed, "ok");
    assert!(account(&room, "web").ends_with("expires "));
    room.applied(&room.closure("alone", &json!({ "users": [user("web")] })), "ok");
    assert!(room.read("/etc/group").contains("adm:x:4:\n"), "its membership is ours to take away");
}
