use std::convert::Infallible;

use expect_test::expect;
use nixfleet_contract::plan::Warning;
use serde_json::{Value, json};

use super::*;

/// Creates a plan that contains only the given steps.
fn plan(host: &str, steps: &Value) -> Plan {
    serde_json::from_value(json!({
        "schema": 1, "host": host, "fingerprint": "f",
        "current": { "number": 3, "closure": "/nix/store/a" }, "target": "/nix/store/b",
        "packages": { "added": [], "removed": [], "changed": [] },
        "steps": steps, "drift": [], "problems": [],
    }))
    .unwrap()
}

fn painted(all: &[&Plan]) -> String {
    let (mut text, read) = (String::new(), |place: usize| Ok::<_, Infallible>(all[place].clone()));
    plans(all.len(), read, false, |part| text.push_str(part)).unwrap();
    text
}

fn shown(all: &[&Plan]) -> String {
    anstream::adapter::strip_str(&painted(all)).to_string()
}

fn access(mode: &str, group: &str) -> Value {
    json!({ "mode": mode, "owner": "root", "group": group })
}

fn view(text: &str, mode: &str, group: &str) -> Value {
    json!({ "sha256": text, "size": text.len(), "access": access(mode, group), "text": text })
}

#[test]
fn every_kind_of_step_reads_as_what_it_does() {
    let user = json!({
        "name": "web", "uid": null, "group": "web", "extraGroups": [], "home": "/var/lib/web",
        "createHome": false, "shell": "/usr/sbin/nologin", "system": true, "description": "",
    });
    let mut ada = user.clone();
    (ada["name"], ada["system"], ada["extraGroups"]) = (json!("ada"), json!(false), json!(["adm", "sudo"]));
    let plan = plan(
        "web-1",
        &json!([
            { "step": "createGroup", "name": "web", "gid": 990 },
            { "step": "createUser", "user": user },
            { "step": "createUser", "user": ada },
            { "step": "modifyUser", "user": user, "changes": ["shell: /bin/sh → /usr/sbin/nologin"] },
            { "step": "disableUser", "name": "old" },
            { "step": "disableUser", "name": "older", "groups": ["adm", "sudo"] },
            { "step": "releaseUser", "name": "games", "changes": ["groups: games,sudo → games"] },
            { "step": "createHome", "path": "/home/ada", "access": access("0750", "ada") },
            { "step": "stopUnit", "unit": "old.service", "why": "no longer managed" },
            { "step": "createDirectory", "path": "/etc/web", "access": access("0755", "root"),
              "implicit": true },
            { "step": "writeFile", "path": "/etc/web/a.conf", "before": null,
              "after": view("new\n", "0640", "web"), "keep": "nothing" },
            { "step": "writeFile", "path": "/etc/web/b.conf", "before": view("a\nport = 1\n", "0644", "root"),
              "after": view("a\nport = 2\n", "0640", "web"), "keep": "copy" },
            { "step": "writeLink", "path": "/etc/web/l", "before": null, "target": "b.conf",
              "keep": "nothing" },
            { "step": "writeLink", "path": "/etc/web/m", "before": "a.conf", "target": "b.conf",
              "keep": "original" },
            { "step": "changeAccess", "path": "/etc/web/c", "before": access("0644", "root"),
              "after": access("0600", "root") },
            { "step": "own", "path": "/etc/web/d", "keep": "original" },
            { "step": "remove", "path": "/etc/web/e", "before": view("old\n", "0644", "root"),
              "keep": "copy" },
            { "step": "restore", "path": "/etc/motd", "before": null, "keep": "nothing" },
            { "step": "removeDirectory", "path": "/srv/old" },
            { "step": "release", "path": "/etc/web/f", "why": "it is a directory now" },
            { "step": "daemonReload" },
            { "step": "switchProfile", "from": 3, "to": 4 },
            { "step": "restartUnit", "unit": "web.service", "why": "/etc/web/b.conf changes" },
            { "step": "reloadUnit", "unit": "nginx.service", "why": "asked for" },
            { "step": "startUnit", "unit": "new.timer", "why": "newly enabled" },
        ]),
    );
    expect![[r#"
        web-1  generation 3 → 4
          users
            + group web (id 990)
            + system user web, group web, home /var/lib/web, shell /usr/sbin/nologin
            + user ada, groups web, adm, sudo, home /var/lib/web, shell /usr/sbin/nologin
            ~ user web: shell: /bin/sh → /usr/sbin/nologin
            - user old is locked; the account and its id stay
            - user older is locked and leaves adm, sudo; the account and its id stay
            ~ user games: groups: games,sudo → games  as before NixFleet managed the user
            + /home/ada/  0750 root:ada  home, with the files that every new home gets
          files
            + /etc/web/  0755 root:root, needed by paths in it
            + /etc/web/a.conf  0640 root:web
                @@ -0,0 +1 @@
                +new
            ~ /etc/web/b.conf  mode 0644 → 0640, owner root:root → root:web  edited by hand: a backup is made
                @@ -1,2 +1,2 @@
                 a
                -port = 1
                +port = 2
            + /etc/web/l → b.conf
            ~ /etc/web/m → b.conf  was a.conf  the original is backed up, and restored when the path is no longer managed
            ~ /etc/web/c  mode 0644 → 0600
            = /etc/web/d  already matches its declaration; managed from now on
            - /etc/web/e  edited by hand: a backup is made
            ~ /etc/motd  the original from before NixFleet managed the path is restored
            - /srv/old/  removed if it is empty
            = /etc/web/f  left alone: it is a directory now
          units
            - stop    old.service  no longer managed
            ~ restart web.service  /etc/web/b.conf changes
            ~ reload  nginx.service  asked for
            + start   new.timer  newly enabled

    "#]]
    .assert_eq(&shown(&[&plan]));
}

#[test]
fn packages_show_their_versions() {
    let mut plan = plan("web-1", &json!([{ "step": "switchProfile", "from": null, "to": 1 }]));
    let package =
        |name: &str, version: &str| json!({ "name": name, "version": version, "path": "/nix/store/x" });
    plan.current = None;
    plan.packages = serde_json::from_value(json!({
        "added": [package("jq", "1.7")],
        "removed": [package("script", "")],
        "changed": [
            [package("hello", "1.0"), package("hello", "2.0")],
            [package("nginx", "1.26"), package("nginx", "1.26")],
        ],
    }))
    .unwrap();
    expect![[r#"
        web-1  first generation, 1
          packages
            + jq 1.7
            - script
            ~ hello 1.0 → 2.0
            ~ nginx 1.26 rebuilt

    "#]]
    .assert_eq(&shown(&[&plan]));
}

#[test]
fn drift_and_what_stands_in_the_way_are_told() {
    let mut plan = plan("web-1", &json!([]));
    plan.drift =
        serde_json::from_value(json!([{ "subject": "web.service", "what": "not running" }])).unwrap();
    plan.problems = serde_json::from_value(json!([
        { "code": "NF-402", "what": "something that is not ours stands there", "where": "/etc/web",
          "help": "move it" },
    ]))
    .unwrap();
    expect![[r#"
        web-1  stays at generation 3
          not as the last apply left it
            ! web.service: not running
          in the way
            ✗ [NF-402] something that is not ours stands there
              where: /etc/web
              help: move it

    "#]]
    .assert_eq(&shown(&[&plan]));
}

#[test]
fn hosts_with_the_same_changes_are_shown_together_and_unchanged_ones_not_at_all() {
    let steps = json!([{ "step": "startUnit", "unit": "a.service", "why": "not running" }]);
    let (one, two, same) = (plan("web-1", &steps), plan("web-2", &steps), plan("db-1", &json!([])));
    expect![[r#"
        web-1, web-2  stays at generation 3
          units
            + start   a.service  not running

    "#]]
    .assert_eq(&shown(&[&one, &same, &two]));
}

#[test]
fn a_file_that_is_no_text_is_told_by_its_size() {
    let mut before = view("x", "0644", "root");
    before["text"] = Value::Null;
    let after = json!({ "sha256": "y", "size": 300_000, "access": access("0644", "root") });
    let step =
        json!({ "step": "writeFile", "path": "/etc/b", "before": before, "after": after, "keep": "nothing" });
    expect![[r#"
        web-1  stays at generation 3
          files
            ~ /etc/b
                content is not text, or is too long to show: 1 bytes → 300000 bytes

    "#]]
    .assert_eq(&shown(&[&plan("web-1", &json!([step]))]));
}

#[test]
fn nothing_that_a_host_says_steers_the_terminal() {
    let steps = json!([
        { "step": "startUnit", "unit": "a.service", "why": "\u{1b}[2J\u{7}" },
        { "step": "writeLink", "path": "/etc/l", "before": "\u{1b}]0;x\u{7}", "target": "\u{9b}31m",
          "keep": "nothing" },
    ]);
    let mut plan = plan("\u{1b}[31mweb", &steps);
    plan.drift = serde_json::from_value(json!([{ "subject": "\u{1b}c", "what": "\u{1b}[A" }])).unwrap();
    let text = painted(&[&plan]);
    for sequence in ["\u{1b}[2J", "\u{7}", "\u{1b}]0", "\u{9b}", "\u{1b}c", "\u{1b}[A", "\u{1b}[31mweb"] {
        assert!(!text.contains(sequence), "{text:?}");
    }
}

#[test]
fn a_host_with_nothing_but_a_warning_is_shown() {
    let mut plan = plan("web-1", &json!([]));
    plan.warnings = vec![Warning { subject: "web.service".into(), what: "no such\u{1b} target".into() }];
    expect![[r#"
        web-1  stays at generation 3
          warnings
            ! web.service: no such␛ target

    "#]]
    .assert_eq(&shown(&[&plan]));
}

#[test]
fn what_makes_way_is_shown_as_what_it_is() {
    let link = json!({
        "sha256": null, "size": 39, "access": access("0777", "root"),
        "link": "../run/systemd/resolve/stub-resolv.conf", "foreign": true,
    });
    let directory = json!({ "sha256": null, "size": 0, "access": access("0755", "root") });
    let mut foreign = view("a\n", "0644", "root");
    foreign["foreign"] = true.into();
    let plan = plan(
        "web-1",
        &json!([
            { "step": "writeFile", "path": "/etc/resolv.conf", "before": link,
              "after": view("nameserver ::1\n", "0644", "root"), "keep": "original" },
            { "step": "writeFile", "path": "/etc/motd", "before": foreign,
              "after": view("b\n", "0644", "root"), "keep": "copy" },
            { "step": "writeFile", "path": "/etc/own", "before": view("a\n", "0644", "root"),
              "after": view("b\n", "0644", "root"), "keep": "copy" },
            { "step": "writeFile", "path": "/etc/folder", "before": directory,
              "after": view("b\n", "0644", "root"), "keep": "nothing" },
            { "step": "writeLink", "path": "/etc/l", "before": null, "replaced": foreign, "target": "b",
              "keep": "copy" },
            { "step": "remove", "path": "/etc/m", "before": link, "keep": "nothing" },
        ]),
    );
    expect![[r#"
        web-1  stays at generation 3
          files
            ~ /etc/resolv.conf  link to ../run/systemd/resolve/stub-resolv.conf → file 0644 root:root  the original is backed up, and restored when the path is no longer managed
                @@ -0,0 +1 @@
                +nameserver ::1
            ~ /etc/motd  not managed until now: a backup is made
                @@ -1 +1 @@
                -a
                +b
            ~ /etc/own  edited by hand: a backup is made
                @@ -1 +1 @@
                -a
                +b
            ~ /etc/folder  directory → file 0644 root:root
                @@ -0,0 +1 @@
                +b
            ~ /etc/l → b  was a file  not managed until now: a backup is made
            - /etc/m  a link to ../run/systemd/resolve/stub-resolv.conf

    "#]]
    .assert_eq(&shown(&[&plan]));
}

#[test]
fn hosts_that_go_together_go_the_same_way() {
    let switch = |from: u64, to: u64| json!([{ "step": "switchProfile", "from": from, "to": to }]);
    let heading = |plans: [Plan; 2]| shown(&[&plans[0], &plans[1]]).lines().next().unwrap().to_owned();
    assert_eq!(heading([plan("a", &switch(5, 3)), plan("b", &switch(5, 3))]), "a, b  generation 5 → 3");
    let known = json!({
        "number": 3, "closure": "/nix/store/b", "created": 1_795_874_602, "by": "ada@desk",
        "revision": "4f2c9d1",
    });
    let told = Plan { back_to: Some(serde_json::from_value(known).unwrap()), ..plan("a", &switch(5, 3)) };
    let told = shown(&[&told]);
    assert!(
        told.contains("generation 5 → 3, made 2026-11-2") && told.contains("by ada@desk from 4f2c9d1"),
        "{told}"
    );
    let back = [plan("a", &switch(5, 4)), plan("b", &switch(9, 7))];
    assert_eq!(heading(back), "a, b  each back to an earlier generation");
    let forth = [plan("a", &switch(5, 6)), plan("b", &switch(9, 10))];
    assert_eq!(heading(forth), "a, b  each to its next generation");
    let both = [plan("a", &switch(5, 6)), plan("b", &switch(9, 7))];
    assert_eq!(heading(both), "a, b  each to another generation");
    let warned = |host, number| {
        let warnings = vec![Warning { subject: "/etc/a".to_owned(), what: "unused".to_owned() }];
        let current =
            Some(nixfleet_contract::generation::Generation { number, closure: "/nix/store/a".to_owned() });
        Plan { warnings, current, ..plan(host, &json!([])) }
    };
    assert_eq!(heading([warned("a", 3), warned("b", 4)]), "a, b  each stays at its generation");
}

#[test]
fn all_plans_come_to_a_total() {
    let steps = json!([
        { "step": "disableUser", "name": "old" },
        { "step": "own", "path": "/etc/a", "keep": "nothing" },
        { "step": "removeDirectory", "path": "/etc/web/d" },
        { "step": "switchProfile", "from": 1, "to": 2 },
        { "step": "restartUnit", "unit": "web.service", "why": "changed" },
    ]);
    let problem =
        nixfleet_contract::problem::Problem::new(nixfleet_contract::problem::Code::Conflict, "in the way");
    let blocked = Plan { problems: vec![problem], ..plan("c", &steps) };
    let totals = |all: &[&Plan]| {
        plans(all.len(), |place: usize| Ok::<_, Infallible>(all[place].clone()), false, |_| ())
            .unwrap()
            .to_string()
    };
    assert_eq!(
        totals(&[&plan("a", &steps), &plan("b", &steps), &blocked]),
        "2 accounts, 2 paths, 2 units on 2 hosts"
    );
    let switch = plan("a", &json!([{ "step": "switchProfile", "from": 1, "to": 2 }]));
    assert_eq!(totals(&[&switch]), "nothing but the generation on 1 host");
}

#[test]
fn content_that_others_may_not_read_is_told_by_size_and_digest() {
    let hidden = |text: &str, mode: &str| {
        let mut view = view(text, mode, "root");
        view.as_object_mut().unwrap().remove("text");
        view
    };
    let step = |before: Value, after: Value| {
        let path = "/etc/a";
        json!({ "step": "writeFile", "path": path, "before": before, "after": after, "keep": "nothing" })
    };
    let steps = json!([
        step(Value::Null, hidden("0123456789abcdef", "0600")),
        step(hidden("0123456789abcdef", "0600"), hidden("f", "0644")),
        step(view("old\n", "0600", "root"), view("new\n", "0600", "root")),
    ]);
    let plan = plan("web-1", &steps);
    expect![[r#"
        web-1  stays at generation 3
          files
            + /etc/a  0600 root:root
                content not shown, since other users on the host may not read it: nothing → 16 bytes (0123456789ab); --show-private shows it
            ~ /etc/a  mode 0600 → 0644
                content not shown, since other users on the host may not read it: 16 bytes (0123456789ab) → 1 bytes; --show-private shows it
            ~ /etc/a
                @@ -1 +1 @@
                -old
                +new

    "#]]
    .assert_eq(&shown(&[&plan]));
    // A host with an older NixFleet may send the content of private files. `hide_private` removes this
    // content.
    let mut bare = plan;
    bare.hide_private();
    assert!(!serde_json::to_string(&bare).unwrap().contains("\"text\""));
}

#[test]
fn a_host_that_only_waits_for_a_boot_says_so() {
    let mut waiting = plan("web-9", &json!([]));
    waiting.awaits_boot = vec!["kernel-params".to_owned()];
    expect![[r#"
        web-9  stays at generation 3
          waits for a boot
            ! restart the host to finish: new kernel-params

    "#]]
    .assert_eq(&shown(&[&waiting]));
    // If a step changes what the host boots, the step tells it.
    let once =
        json!([{ "step": "bootOnce", "to": "/nix/store/b-nixos", "loader": "grub", "parts": ["kernel"] }]);
    let booting = Plan { awaits_boot: vec!["kernel".to_owned()], ..plan("web-9", &once) };
    assert!(!shown(&[&booting]).contains("waits for a boot"), "{}", shown(&[&booting]));
}

#[test]
fn a_change_of_the_health_checks_alone_is_shown() {
    let steps = json!([{ "step": "switchProfile", "from": 3, "to": 4 }]);
    let mut changed = plan("web-1", &steps);
    changed.check_changes = serde_json::from_value(json!({
        "added": [{ "name": "api", "what": "GET http://localhost/ from the host, on failure: rollback" }],
        "removed": [{ "name": "old", "what": "localhost port 80 from the host, on failure: stop" }],
        "changed": [{ "name": "web", "what": "retries 3 → 9" }],
    }))
    .unwrap();
    expect![[r"
        web-1  generation 3 → 4
          health checks
            + api: GET http://localhost/ from the host, on failure: rollback
            - old: localhost port 80 from the host, on failure: stop
            ~ web: retries 3 → 9

    "]]
    .assert_eq(&shown(&[&changed]));
    let mut totals = Totals::default();
    totals.add(&changed);
    assert_eq!(totals.to_string(), "3 health checks on 1 host");

    expect![[r"
        web-1  generation 3 → 4
          only the generation changes: the closure differs, but nothing else on the host

    "]]
    .assert_eq(&shown(&[&plan("web-1", &steps)]));
}
