//! Tests of three generations that create, change and remove files, and of rollbacks between them.

use std::fs;

use expect_test::expect;
use serde_json::{Value, json};

use crate::room::{Room, directory, file, unit, with};

const WEB: &str = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

fn first() -> Value {
    json!({
        "packages": [{ "name": "hello", "version": "1.0", "path": "/nix/store/a-hello" }],
        "directories": [directory("/var/lib/web", "0750")],
        "files": [
            with(file("/etc/web/web.conf", Some("port = 80\n")), "restartUnits", json!(["web.service"])),
            file("/etc/web/old.conf", Some("old\n")),
        ],
        "units": [unit("web.service", Some(WEB), Some(true))],
    })
}

fn second() -> Value {
    json!({
        "packages": [{ "name": "hello", "version": "2.0", "path": "/nix/store/b-hello" }],
        "directories": [directory("/var/lib/web", "0700")],
        "files": [
            with(
                with(
                    file("/etc/web/web.conf", Some("port = 8080\n")),
                    "restartUnits",
                    json!(["web.service"]),
                ),
                "mode",
                "0600",
            ),
            file("/etc/web/new.conf", Some("new\n")),
        ],
        "units": [unit("web.service", Some(WEB), Some(true))],
    })
}

#[test]
fn a_generation_says_who_made_it_and_from_what_as_long_as_it_is_there() {
    let room = Room::new();
    let (one, two) = (room.closure("1", &first()), room.closure("2", &second()));
    let apply = |closure: &str, by: &str, revision: &str| {
        let told = ["--by", by, "--revision", revision];
        let output = room.run(&[&["apply", "--closure", closure], &told[..]].concat());
        assert!(output.status.success(), "{output:?}");
    };
    let made = |info: &Value| (info["number"].clone(), info["by"].clone(), info["revision"].clone());
    let all = || room.status()["generations"].as_array().unwrap().iter().map(made).collect::<Vec<_>>();
    apply(&one, "ada@desk", "4f2c9d1-dirty");
    apply(&two, "bob@ci", "");
    let first = (json!(1), json!("ada@desk"), json!("4f2c9d1-dirty"));
    assert_eq!(all(), [first.clone(), (json!(2), json!("bob@ci"), Value::Null)]);

    let plan = room.run(&["rollback", "--to", "1", "--plan", "--json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(made(&plan["backTo"]), first, "{plan:#}");
    assert_eq!(room.rollback("1")["outcome"], "ok");
    assert_eq!(all()[0], first, "going back makes nothing");
    apply(&two, "bob@ci", "");
    assert_eq!(all().len(), 3);

    fs::remove_file(room.path("/nix/var/nix/profiles/nixfleet/system-2-link")).unwrap();
    apply(&one, "ada@desk", "4f2c9d2");
    let state: Value = serde_json::from_str(&room.read("/var/lib/nixfleet/state.json")).unwrap();
    let kept: Vec<&String> = state["generations"].as_object().unwrap().keys().collect();
    assert_eq!(kept, ["1", "3", "4"], "nothing is remembered of what is gone");
}

#[test]
fn a_plan_says_what_was_never_managed_and_where_a_link_points() {
    let room = Room::new();
    room.write("/etc/a.conf", "theirs\n");
    std::os::unix::fs::symlink("../run/resolv.conf", room.path("/etc/b.conf")).unwrap();
    let adopted = |path: &str, text: &str| with(file(path, Some(text)), "onConflict", json!("adopt"));
    let declared =
        |text: &str| json!({ "files": [adopted("/etc/a.conf", text), adopted("/etc/b.conf", text)] });
    let before = |plan: &Value| {
        let steps = plan["steps"].as_array().unwrap().iter().filter(|step| step["step"] == "writeFile");
        steps
            .map(|step| (step["before"]["foreign"].clone(), step["before"]["link"].clone()))
            .collect::<Vec<_>>()
    };
    let one = room.closure("1", &declared("ours\n"));
    let first = [(json!(true), Value::Null), (json!(true), json!("../run/resolv.conf"))];
    assert_eq!(before(&room.plan(&one)), first);
    room.applied(&one, "ok");
    room.write("/etc/a.conf", "edited\n");
    let ours = [(Value::Null, Value::Null), (Value::Null, Value::Null)];
    assert_eq!(before(&room.plan(&room.closure("2", &declared("new\n")))), ours, "an edit of what is ours");
}

#[test]
fn three_generations_create_change_and_remove() {
    let room = Room::new();
    let before = room.tree("/etc");
    let (one, two, three) =
        (room.closure("1", &first()), room.closure("2", &second()), room.closure("3", &json!({})));

    expect![[r#"
        web-1: no generation → /1/out
          package + hello 1.0
          + /etc/systemd/  0755 root:root, needed by paths in it
          + /etc/systemd/system/  0755 root:root, needed by paths in it
          + /etc/systemd/system/multi-user.target.wants/  0755 root:root, needed by paths in it
          + /etc/web/  0755 root:root, needed by paths in it
          + /var/lib/web/  0750 root:root
          + /etc/systemd/system/multi-user.target.wants/web.service → ../web.service
          + /etc/systemd/system/web.service  0644 root:root
          + /etc/web/old.conf  0644 root:root
          + /etc/web/web.conf  0644 root:root
          ~ reload  systemd's unit files
          ~ generation none → 1
          + start   web.service  newly enabled
    "#]]
    .assert_eq(&room.plan_text(&one));
    assert_eq!(room.tree("/etc"), before, "a plan changes nothing");
    assert!(!room.path("/var/lib/nixfleet").exists(), "a plan changes nothing");
    let report = room.applied(&one, "ok");
    assert_eq!(report["after"]["number"], 1);
    assert_eq!(room.read("/etc/web/web.conf"), "port = 80\n");
    assert_eq!(room.plan(&one)["steps"], json!([]));
    assert_eq!(room.applied(&one, "unchanged")["after"]["number"], 1);

    expect![[r#"
        web-1: generation 1 → /2/out
          package ~ hello 1.0 → 2.0
          ~ /var/lib/web  mode 0750 → 0700
          + /etc/web/new.conf  0644 root:root
          ~ /etc/web/web.conf  mode 0644 → 0600
          - /etc/web/old.conf
          ~ generation 1 → 2
          ~ restart web.service  /etc/web/web.conf changed
    "#]]
    .assert_eq(&room.plan_text(&two));
    room.applied(&two, "ok");
    assert_eq!(room.read("/etc/web/web.conf"), "port = 8080\n");
    assert!(!room.path("/etc/web/old.conf").exists());
    let second_tree = room.tree("/");

    expect![[r#"
        web-1: generation 2 → /3/out
          package - hello 2.0
          - stop    web.service  no longer managed
          - /etc/systemd/system/multi-user.target.wants/web.service  a link to ../web.service
          - /etc/systemd/system/web.service
          - /etc/web/new.conf
          - /etc/web/web.conf
          - /var/lib/web/  removed if it is empty
          - /etc/web/  removed if it is empty
          - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
          - /etc/systemd/system/  removed if it is empty
          - /etc/systemd/  removed if it is empty
          ~ reload  systemd's unit files
          ~ generation 2 → 3
    "#]]
    .assert_eq(&room.plan_text(&three));
    room.applied(&three, "ok");
    assert_eq!(room.tree("/etc"), before, "everything of ours is gone, everything else is untouched");
    assert!(!room.path("/var/lib/web").exists());

    let report = room.rollback("previous");
    assert_eq!((&report["outcome"], &report["after"]["number"]), (&json!("ok"), &json!(2)), "{report:#}");
    let comparable = |tree: &str| {
        let lines = tree.lines().filter(|line| !line.starts_with("/nix/"));
        // Omit the timestamps, since the files were rewritten.
        lines
            .map(|line| {
                line.split(' ').enumerate().filter(|(at, _)| *at != 2).map(|(_, word)| word).collect()
            })
            .collect::<Vec<String>>()
    };
    assert_eq!(comparable(&room.tree("/")), comparable(&second_tree));
    let status = room.status();
    assert_eq!(status["current"]["number"], 2);
    assert_eq!(status["generations"].as_array().unwrap().len(), 3);
    assert_eq!(status["drift"], json!([]));
}

#[test]
fn what_stood_there_before_comes_back_byte_for_byte() {
    let room = Room::new();
    room.write("/etc/motd", "welcome\n");
    room.chmod("/etc/motd", 0o600);
    room.write("/etc/issue", "same\n");
    fs::create_dir(room.path("/srv")).unwrap();
    room.chmod("/srv", 0o711);
    std::os::unix::fs::symlink("../run/resolv.conf", room.path("/etc/resolv.conf")).unwrap();
    let before = room.tree("/etc");
    let one = room.closure(
        "1",
        &json!({
            "directories": [directory("/srv", "0755")],
            "files": [
                with(file("/etc/motd", Some("managed\n")), "onConflict", "backup"),
                file("/etc/issue", Some("same\n")),
                with(file("/etc/resolv.conf", Some("nameserver 1.1.1.1\n")), "onConflict", "backup"),
            ],
        }),
    );
    expect![[r#"
        web-1: no generation → /1/out
          ~ /srv  mode 0711 → 0755
          = /etc/issue  already matches its declaration; managed from now on
          ~ /etc/motd  mode 0600 → 0644  the original is backed up, and restored when the path is no longer managed
          ~ /etc/resolv.conf  link to ../run/resolv.conf → file 0644 root:root  the original is backed up, and restored when the path is no longer managed
          ~ generation none → 1
    "#]]
    .assert_eq(&room.plan_text(&one));
    room.applied(&one, "ok");
    assert_eq!(room.read("/etc/motd"), "managed\n");
    // Edit the file in place, to check that its backup is not a hard link to the file.
    room.write("/etc/issue", "by hand\n");
    let two = room.closure("2", &json!({ "files": [file("/etc/issue", Some("changed\n"))] }));
    room.applied(&two, "ok");
    assert_eq!(room.read("/etc/issue"), "changed\n");
    let three = room.closure("3", &json!({}));
    room.applied(&three, "ok");
    assert_eq!(room.tree("/etc"), before);
    assert!(room.tree("/").contains("/srv 40711\n"));
    assert_eq!(fs::read_dir(room.path("/var/lib/nixfleet/originals")).unwrap().count(), 0);
}

#[test]
fn a_conflict_is_refused_with_the_line_to_add() {
    let room = Room::new();
    room.write("/etc/motd", "welcome\n");
    room.write("/etc/systemd/system/web.service.d/a.conf", "[Service]\n");
    fs::create_dir(room.path("/etc/dir")).unwrap();
    room.write("/etc/open/x", "");
    room.chmod("/etc/open", 0o777);
    let web = with(unit("web.service", None, None), "dropIns", json!([{ "name": "a.conf", "text": "" }]));
    let one = room.closure(
        "1",
        &json!({
            "files": [
                file("/etc/motd", Some("managed\n")),
                file("/etc/dir", Some("")),
                file("/etc/open/x", Some("")),
                with(file("/etc/owner", Some("")), "owner", "nobody-here"),
            ],
            "units": [web],
        }),
    );
    let before = room.tree("/");
    expect![[r#"
        web-1: no generation → /1/out
          + /etc/owner  0644 nobody-here:root
          ~ generation none → 1
        [NF-402] /etc/dir cannot become a file or link
          where: /etc/dir
          why: a directory of `root` exists there
          help: move /etc/dir away by hand on the host, manage another path, or skip this path and apply everything else with --force /etc/dir
        [NF-402] /etc/motd already exists, is not managed by NixFleet, and differs from its declaration
          where: /etc/motd
          help: add the line: nixfleet.files."/etc/motd".onConflict = "backup";  # or "adopt"
        [NF-410] other users can write to a parent directory of a managed path
          where: /etc/open
          why: the directory has mode 0777, owner `root` and group `root`
          help: manage another path, or remove the write access of other users: only the owner may have write access to the directory, or, if root owns the directory, also a system group; or skip this path and apply everything else with --force /etc/open
        [NF-402] /etc/systemd/system/web.service.d/a.conf already exists, is not managed by NixFleet, and differs from its declaration
          where: /etc/systemd/system/web.service.d/a.conf
          help: add the line: nixfleet.systemd.units."web.service".onConflict = "backup";  # or "adopt"
        [NF-407] user `nobody-here` is the owner or group of a managed path, but does not exist on the host
          where: /etc/owner
          help: define the account in nixfleet.users or nixfleet.groups, or choose an account that exists
    "#]]
    .assert_eq(&room.plan_text(&one));
    let report = room.applied(&one, "blocked");
    assert_eq!(report["problem"]["code"], "NF-402");
    assert_eq!(room.run(&["apply", "--closure", &one]).status.code(), Some(2));
    let kept =
        |tree: String| tree.lines().filter(|line| !line.contains("nixfleet")).collect::<Vec<_>>().join("\n");
    assert_eq!(kept(room.tree("/")), kept(before), "nothing is touched");
}

#[test]
fn a_hand_edit_is_shown_and_kept() {
    let room = Room::new();
    let one = room.closure("1", &first());
    room.applied(&one, "ok");
    room.write("/etc/web/web.conf", "port = 81 # by hand\n");
    room.chmod("/etc/web/old.conf", 0o600);
    fs::remove_file(room.path("/etc/systemd/system/multi-user.target.wants/web.service")).unwrap();
    expect![[r#"
        web-1: generation 1 → /1/out
          + /etc/systemd/system/multi-user.target.wants/web.service → ../web.service
          ~ /etc/web/old.conf  mode 0600 → 0644
          ~ /etc/web/web.conf  edited by hand: a backup is made
          ~ reload  systemd's unit files
          ~ restart web.service  /etc/web/web.conf changed
          drift /etc/systemd/system/multi-user.target.wants/web.service: missing
          drift /etc/web/old.conf: mode 0644 → 0600
          drift /etc/web/web.conf: content edited
    "#]]
    .assert_eq(&room.plan_text(&one));
    assert_eq!(room.status()["drift"].as_array().unwrap().len(), 3);

    let report = room.applied(&one, "ok");
    assert_eq!(report["after"]["number"], 1, "repairing makes no new generation");
    let kept = "/var/lib/nixfleet/kept/1/etc/web/web.conf";
    assert_eq!((&report["kept"], &room.status()["kept"]), (&json!([kept]), &json!([kept])));
    assert_eq!(room.read(kept), "port = 81 # by hand\n");
    assert_eq!(room.read("/etc/web/web.conf"), "port = 80\n");
    assert_eq!(room.status()["drift"], json!([]));

    room.write("/etc/web/web.conf", "again\n");
    let report = room.applied(&room.closure("3", &json!({})), "ok");
    assert_eq!(report["kept"], json!(["/var/lib/nixfleet/kept/2/etc/web/web.conf"]));
    assert!(!room.path("/etc/web").exists());
}

#[test]
fn adopting_takes_over_for_good_and_keeps_a_copy() {
    let room = Room::new();
    room.write("/etc/motd", "welcome\n");
    let motd = with(file("/etc/motd", Some("managed\n")), "onConflict", "adopt");
    let report = room.applied(&room.closure("1", &json!({ "files": [motd] })), "ok");
    assert_eq!(report["kept"], json!(["/var/lib/nixfleet/kept/1/etc/motd"]));
    assert_eq!(room.read("/var/lib/nixfleet/kept/1/etc/motd"), "welcome\n");
    room.applied(&room.closure("2", &json!({})), "ok");
    assert!(!room.path("/etc/motd").exists());
}

#[test]
fn a_path_of_ours_may_change_its_type() {
    let room = Room::new();
    let one = room.closure(
        "1",
        &json!({ "files": [file("/etc/a", Some("a"))], "directories": [directory("/etc/b", "0755")] }),
    );
    let two = room.closure(
        "2",
        &json!({ "files": [file("/etc/b", Some("b"))], "directories": [directory("/etc/a", "0700")] }),
    );
    room.applied(&one, "ok");
    room.applied(&two, "ok");
    assert!(room.path("/etc/a").is_dir());
    assert_eq!(room.read("/etc/b"), "b");
    room.write("/etc/a/by-hand", "");
    let report = room.applied(&one, "blocked");
    let why = "the directory there is not empty: /etc/a/by-hand is not managed by NixFleet";
    assert_eq!(report["problem"]["why"], why);
}

#[test]
fn a_generation_that_does_not_exist_is_refused_and_the_others_are_named() {
    let room = Room::new();
    assert_eq!(room.rollback("previous")["problem"]["code"], "NF-409");
    room.applied(&room.closure("1", &first()), "ok");
    room.applied(&room.closure("2", &second()), "ok");
    let report = room.rollback("7");
    assert_eq!((&report["outcome"], &report["problem"]["code"]), (&json!("blocked"), &json!("NF-409")));
    assert_eq!(report["problem"]["help"], "choose an existing generation: 1, 2");
    assert_eq!(room.rollback("1")["after"]["number"], 1);
    assert_eq!(room.read("/etc/web/web.conf"), "port = 80\n");
    assert_eq!(room.rollback("2")["after"]["number"], 2);
    assert_eq!(room.read("/etc/web/web.conf"), "port = 8080\n");
}
