//! Tests of the lifecycle of users and groups: they are created, changed, disabled and enabled again, but
//! never deleted.

use expect_test::expect;
use serde_json::{Value, json};

use crate::room::{Room, directory, with};

pub fn user(name: &str) -> Value {
    json!({
        "name": name, "uid": null, "group": name, "extraGroups": [], "home": "/var/lib/web",
        "createHome": false, "shell": "/bin/sh", "system": true, "description": "",
    })
}

/// Returns the entries of a user in the account files, without the fields that depend on the current date.
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
          + group web (id 991)
          + system user web (id 990), groups web, adm, home /var/lib/web, shell /bin/sh
          + /srv/  0750 web:web
          ~ generation none → 1
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    expect!["web:x:990:991::/var/lib/web:/bin/sh | password ! expires "].assert_eq(&account(&room, "web"));
    assert_eq!(room.plan(&one)["steps"], json!([]));
    assert!(room.read("/etc/group").contains("adm:x:4:web\n"));

    let two = room.closure("2", &json!({ "users": [with(user("web"), "shell", "/bin/bash")] }));
    expect![[r#"
        web-1: generation 1 → /2/out
          ~ user web: shell: /bin/sh → /bin/bash, groups: adm → none
          - /srv/  removed if it is empty
          ~ generation 1 → 2
    "#]]
    .assert_eq(&room.plan_text(&two));
    room.applied(&two, "ok");
    assert!(room.read("/etc/group").contains("adm:x:4:\n"), "only memberships of ours are taken away");

    let three = room.closure("3", &json!({}));
    expect![[r#"
        web-1: generation 2 → /3/out
          ~ generation 2 → 3
          - user web is locked; the account and its id stay
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
          ~ user web: shell: /usr/sbin/nologin → /bin/sh, groups: none → adm, disabled: yes → no
          + /srv/  0750 web:web
          ~ generation 3 → 4
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    expect!["web:x:990:991::/var/lib/web:/bin/sh | password ! expires "].assert_eq(&account(&room, "web"));
}

#[test]
fn an_account_that_somebody_made_anew_under_the_same_name_was_there_before() {
    let room = Room::new();
    let append = |file: &str, line: &str| room.write(file, &(room.read(file) + line));
    append("/etc/group", "users:x:100:\n");
    room.applied(&room.closure("1", &json!({ "users": [user("web")] })), "ok");
    room.applied(&room.closure("2", &json!({})), "ok");
    for file in ["/etc/passwd", "/etc/shadow", "/etc/group"] {
        let others = |line: &&str| !line.starts_with("web:");
        let lines: Vec<&str> = room.read(file).leak().lines().filter(others).collect();
        room.write(file, &(lines.join("\n") + "\n"));
    }
    append("/etc/passwd", "web:x:1500:100:by hand:/home/web:/bin/zsh\n");
    append("/etc/shadow", "web:$y$secret:19000:0:99999:7:::\n");
    let by_hand = account(&room, "web");
    let three = room.closure("3", &json!({ "users": [with(ada(&[]), "name", "web")] }));
    room.applied(&three, "ok");
    assert_eq!(account(&room, "web"), by_hand);
    room.applied(&three, "unchanged");
    room.applied(&room.closure("4", &json!({})), "ok");
    assert_eq!(account(&room, "web"), by_hand);
}

/// Creates a test host (a room) with the user `ada.l`, which was created manually.
fn with_ada() -> Room {
    let room = Room::new();
    let append = |file: &str, line: &str| room.write(file, &(room.read(file) + line));
    append("/etc/passwd", "ada.l:x:1500:100:by hand:/home/ada:/bin/zsh\n");
    append("/etc/group", "users:x:100:\nsudo:x:27:\nDebian-exim:x:110:\nwheel:x:7:ada.l\n");
    append("/etc/shadow", "ada.l:$y$secret:19000:0:99999:7:::\n");
    room
}

/// Returns the user `ada.l` with only the given fields declared.
fn ada(fields: &[(&str, Value)]) -> Value {
    let all = ["group", "home", "createHome", "shell", "system", "description"];
    let mut user = with(user("web"), "name", "ada.l");
    for (field, value) in fields {
        user[field] = value.clone();
    }
    let unstated = all.into_iter().filter(|name| !fields.iter().any(|(field, _)| field == name));
    user["unstated"] = unstated.collect();
    user
}

fn memberships(room: &Room) -> String {
    let group = room.read("/etc/group");
    let lines = group.lines().filter(|line| line.ends_with("ada.l"));
    lines.map(|line| line.split(':').next().unwrap()).collect::<Vec<_>>().join(",")
}

const BY_HAND: &str = "ada.l:x:1500:100:by hand:/home/ada:/bin/zsh | password $y$secret expires ";

#[test]
fn what_is_not_stated_leaves_an_account_alone_that_was_there_before() {
    let room = with_ada();
    let refused = room.closure("refused", &json!({ "users": [with(ada(&[]), "uid", 990)] }));
    assert_eq!(room.applied(&refused, "blocked")["problem"]["code"], "NF-407");
    let before = room.tree("/etc");
    let one = room.closure("1", &json!({ "users": [ada(&[])] }));
    room.applied(&one, "ok");
    assert_eq!(room.tree("/etc"), before);
    room.applied(&one, "unchanged");
    room.applied(&room.closure("2", &json!({})), "ok");
    assert_eq!(room.tree("/etc"), before);
    assert_eq!(account(&room, "ada.l"), BY_HAND);
}

#[test]
fn an_account_that_was_there_before_gets_back_what_it_was() {
    let room = with_ada();
    let all = [
        ("shell", json!("/bin/sh")),
        ("group", json!("adm")),
        ("home", json!("/srv/ada")),
        ("description", json!("Ada")),
    ];
    let stated = |fields: &[(&str, Value)], groups: &[&str]| {
        let ada = with(ada(fields), "extraGroups", json!(groups));
        json!({ "users": [ada] })
    };
    let one = room.closure("1", &stated(&all, &["sudo", "wheel", "Debian-exim"]));
    expect![[r#"
        web-1: no generation → /1/out
          ~ user ada.l: group: users → adm, home: /home/ada → /srv/ada, shell: /bin/zsh → /bin/sh, description: by hand → Ada, groups: wheel → Debian-exim,sudo,wheel
          ~ generation none → 1
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    expect!["ada.l:x:1500:4:Ada:/srv/ada:/bin/sh | password $y$secret expires "]
        .assert_eq(&account(&room, "ada.l"));
    assert_eq!(memberships(&room), "sudo,Debian-exim,wheel");
    room.applied(&one, "unchanged");
    expect![[r#"
        user ada.l: existed before, group was "users", home was "/home/ada", shell was "/bin/zsh", description was "by hand", put into Debian-exim,sudo
    "#]]
    .assert_eq(&room.inspect());

    // In the second closure, the shell of ada.l has a different value, some fields are no longer declared,
    // and the group sudo is removed.
    let two = room.closure("2", &stated(&[("shell", json!("/bin/bash")), all[3].clone()], &["Debian-exim"]));
    expect![[r#"
        web-1: generation 1 → /2/out
          ~ user ada.l: group: adm → users, home: /srv/ada → /home/ada, shell: /bin/sh → /bin/bash, groups: Debian-exim,sudo,wheel → Debian-exim,wheel
          ~ generation 1 → 2
    "#]]
    .assert_eq(&room.plan_text(&two));
    room.applied(&two, "ok");
    expect!["ada.l:x:1500:100:Ada:/home/ada:/bin/bash | password $y$secret expires "]
        .assert_eq(&account(&room, "ada.l"));

    let three = room.closure("3", &json!({}));
    expect![[r#"
        web-1: generation 2 → /3/out
          ~ generation 2 → 3
          ~ user ada.l: shell: /bin/bash → /bin/zsh, description: Ada → by hand, groups: Debian-exim,wheel → wheel  as before NixFleet managed the user
    "#]]
    .assert_eq(&room.plan_text(&three));
    room.applied(&three, "ok");
    assert_eq!(account(&room, "ada.l"), BY_HAND);
    assert_eq!(memberships(&room), "wheel");
    assert_eq!(room.inspect(), "");

    // A rollback to generation 3, which declares no users, restores ada.l in the same way as the apply did.
    room.applied(&one, "ok");
    assert_eq!(room.rollback("3")["outcome"], "ok");
    assert_eq!(account(&room, "ada.l"), BY_HAND);
    assert_eq!(memberships(&room), "wheel");
}

#[test]
fn a_field_that_somebody_changed_meanwhile_stays_and_the_plan_says_so() {
    let room = with_ada();
    let fields = [("shell", json!("/bin/sh")), ("description", json!("Ada"))];
    room.applied(&room.closure("1", &json!({ "users": [ada(&fields)] })), "ok");
    room.write(
        "/etc/passwd",
        &room.read("/etc/passwd").replace(":Ada:/home/ada:/bin/sh", ":Ada:/home/ada:/bin/dash"),
    );
    let two = room.closure("2", &json!({}));
    let plan = room.plan(&two);
    assert_eq!(plan["warnings"][0]["subject"], "ada.l");
    expect![
        "shell stays /bin/dash, since it was changed by hand; it was /bin/zsh before NixFleet managed the \
         user"
    ]
    .assert_eq(plan["warnings"][0]["what"].as_str().unwrap());
    room.applied(&two, "ok");
    expect!["ada.l:x:1500:100:by hand:/home/ada:/bin/dash | password $y$secret expires "]
        .assert_eq(&account(&room, "ada.l"));
}

#[test]
fn a_manifest_of_schema_1_states_every_field() {
    let room = with_ada();
    let user = with(with(user("web"), "name", "ada.l"), "group", "adm");
    room.applied(&room.closure("1", &json!({ "users": [user] })), "ok");
    expect!["ada.l:x:1500:4::/var/lib/web:/bin/sh | password $y$secret expires "]
        .assert_eq(&account(&room, "ada.l"));
    room.applied(&room.closure("2", &json!({})), "ok");
    assert_eq!(account(&room, "ada.l"), BY_HAND);
}

#[test]
fn what_kept_a_user_out_before_it_was_disabled_still_does_when_it_comes_back() {
    let room = Room::new();
    let one = room.closure("1", &json!({ "users": [with(user("web"), "extraGroups", json!(["adm"]))] }));
    room.applied(&one, "ok");
    // Lock the account of web manually and set an expiry date for it.
    room.write("/etc/shadow", &room.read("/etc/shadow").replace("web:!:", "web:!$y$secret:"));
    let shadow = room.read("/etc/shadow");
    let line = shadow.lines().find(|line| line.starts_with("web:")).unwrap();
    let mut fields: Vec<&str> = line.split(':').collect();
    fields[7] = "30000";
    room.write("/etc/shadow", &shadow.replace(line, &fields.join(":")));
    let two = room.closure("2", &json!({}));
    expect![[r#"
        web-1: generation 1 → /2/out
          ~ generation 1 → 2
          - user web is locked and leaves adm; the account and its id stay
    "#]]
    .assert_eq(&room.plan_text(&two));
    room.applied(&two, "ok");
    assert!(room.read("/etc/group").contains("adm:x:4:\n"));
    assert!(account(&room, "web").ends_with("/usr/sbin/nologin | password !$y$secret expires 1"));
    expect![[r#"
        web-1: generation 2 → /1/out
          ~ user web: shell: /usr/sbin/nologin → /bin/sh, groups: none → adm, disabled: yes → no (its earlier expiry date applies again, its password stays locked, as before)
          ~ generation 2 → 3
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    assert!(account(&room, "web").ends_with("/bin/sh | password !$y$secret expires 30000"));
    assert!(room.read("/etc/group").contains("adm:x:4:web\n"));
}

#[test]
fn memberships_that_an_older_nixfleet_left_to_a_disabled_user_go() {
    let room = Room::new();
    let lists = json!({ "users": [with(user("web"), "extraGroups", json!(["adm"]))] });
    room.applied(&room.closure("1", &lists), "ok");
    let two = room.closure("2", &json!({}));
    room.applied(&two, "ok");
    room.write("/etc/group", &room.read("/etc/group").replace("adm:x:4:\n", "adm:x:4:web\n"));
    let state = room.read("/var/lib/nixfleet/state.json");
    let left = r#""created":true,"disabled":true,"groups":["adm"]"#;
    let state = state.replace(r#""created":true,"disabled":true"#, left);
    room.write("/var/lib/nixfleet/state.json", &state);
    assert_eq!(
        room.plan(&two)["steps"],
        json!([{ "step": "disableUser", "name": "web", "groups": ["adm"] }])
    );
    room.applied(&two, "ok");
    assert!(room.read("/etc/group").contains("adm:x:4:\n"));
    room.applied(&two, "unchanged");
}

#[test]
fn a_name_that_no_new_account_may_have_is_that_of_one_that_exists() {
    let room = with_ada();
    let mut lists = json!({ "users": [with(ada(&[]), "name", "joe.l")] });
    let report = room.applied(&room.closure("1", &lists), "blocked");
    assert_eq!(report["problem"]["code"], "NF-407");
    expect!["user `joe.l` does not exist on the host"].assert_eq(report["problem"]["what"].as_str().unwrap());
    assert_eq!(report["problem"]["where"], "nixfleet.users.\"joe.l\"");
    assert!(report["problem"]["why"].as_str().unwrap().contains("is not a valid name for a new account"));
    lists["users"] = json!([with(ada(&[]), "extraGroups", json!(["Debian-snmp"]))]);
    let report = room.applied(&room.closure("2", &lists), "blocked");
    expect!["group `Debian-snmp` does not exist on the host"]
        .assert_eq(report["problem"]["what"].as_str().unwrap());
}

#[test]
fn a_failed_apply_leaves_its_new_user_disabled_and_knows_it_later() {
    let room = Room::new();
    let mut lists = json!({ "users": [with(user("web"), "extraGroups", json!(["adm"]))], "files": [] });
    // While the new content of /etc/a is validated, another process creates a file at that path.
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
