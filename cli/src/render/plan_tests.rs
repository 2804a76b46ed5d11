use std::convert::Infallible;

use expect_test::expect;
use nixfleet_activate::plan::Warning;
use serde_json::{Value, json};

use super::*;

/// A plan with these steps and nothing else.
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
    let plan = plan(
        "web-1",
        &json!([
            { "step": "createGroup", "name": "web", "gid": 990 },
            { "step": "createUser", "user": user },
            { "step": "modifyUser", "user": user, "changes": ["shell: /bin/sh → /usr/sbin/nologin"] },
            { "step": "disableUser", "name": "old" },
            { "step": "stopUnit", "unit": "old.service", "why": "no longer managed" },
            { "step": "createDirectory", "path": "/etc/web", "access": access("0755", "root"), "implicit": true },
            { "step": "writeFile", "path": "/etc/web/a.conf", "before": null, "after": view("new\n", "0640", "web"),
              "keep": "nothing" },
            { "step": "writeFile", "path": "/etc/web/b.conf", "before": view("a\nport = 1\n", "0644", "root"),
              "after": view("a\nport = 2\n", "0640", "web"), "keep": "copy" },
            { "step": "writeLink", "path": "/etc/web/l", "before": null, "target": "b.conf", "keep": "nothing" },
            { "step": "writeLink", "path": "/etc/web/m", "before": "a.conf", "target": "b.conf", "keep": "original" },
            { "step": "changeAccess", "path": "/etc/web/c", "before": access("0644", "root"),
              "after": access("0600", "root") },
            { "step": "own", "path": "/etc/web/d", "keep": "original" },
            { "step": "remove", "path": "/etc/web/e", "before": view("old\n", "0644", "root"), "keep": "copy" },
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
            ~ user web: shell: /bin/sh → /usr/sbin/nologin
            - user old is locked; the account and its id stay
          files
            + /etc/web/  0755 root:root, needed by what stands in it
            + /etc/web/a.conf  0640 root:web
                @@ -0,0 +1 @@
                +new
            ~ /etc/web/b.conf  mode 0644 → 0640, owner root:root → root:web  edited by hand: a copy is kept
                @@ -1,2 +1,2 @@
                 a
                -port = 1
                +port = 2
            + /etc/web/l → b.conf
            ~ /etc/web/m → b.conf  was a.conf  what stands there is kept, and comes back when management ends
            ~ /etc/web/c  mode 0644 → 0600
            = /etc/web/d  is as wanted already; managed from now on
            - /etc/web/e  edited by hand: a copy is kept
            ~ /etc/motd  what stood there before management comes back
            - /srv/old/  unless it holds something
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
        { "code": "NF-402", "what": "something that is not ours stands there", "where": "/etc/web", "help": "move it" },
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
                no text, or too long to show: 1 bytes → 300000 bytes

    "#]]
    .assert_eq(&shown(&[&plan("web-1", &json!([step]))]));
}

#[test]
fn nothing_that_a_host_says_steers_the_terminal() {
    let steps = json!([
        { "step": "startUnit", "unit": "a.service", "why": "\u{1b}[2J\u{7}" },
        { "step": "writeLink", "path": "/etc/l", "before": "\u{1b}]0;x\u{7}", "target": "\u{9b}31m", "keep": "nothing" },
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
