//! Tests of the command `build`: it rejects whatever a host would reject, and its closures are complete.

use std::fs;
use std::path::Path;

use expect_test::expect;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::room::{build, empty_intent, file, unit};

fn refusal(intent: &Value) -> String {
    let room = TempDir::new().unwrap();
    let output = build(intent, room.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(!room.path().join("out").exists(), "a refused build leaves nothing");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_closure_holds_manifest_contents_profile_and_activator() {
    let room = TempDir::new().unwrap();
    let mut intent = empty_intent();
    intent["profile"] = json!("/usr");
    intent["packages"] = json!([{ "name": "hello", "version": "1.0", "path": "/nix/store/x-hello" }]);
    intent["files"] = json!([file("/etc/web.conf", Some("port = 80\n"))]);
    let mut web = unit("web.service", Some("[Install]\nWantedBy=multi-user.target\n"), Some(true));
    web["dropIns"] = json!([{ "name": "10-limits.conf", "text": "[Service]\n" }]);
    intent["units"] = json!([web]);
    let output = build(&intent, room.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let out = room.path().join("out");
    assert_eq!(fs::read_link(out.join("sw")).unwrap(), Path::new("/usr"));
    assert_eq!(
        fs::read_link(out.join("activate")).unwrap(),
        Path::new(env!("CARGO_BIN_EXE_nixfleet-activate"))
    );
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let source = manifest["entries"]["/etc/web.conf"]["source"].as_str().unwrap();
    assert_eq!(fs::read_to_string(out.join(source)).unwrap(), "port = 80\n");
    expect![[r#"
        {
          "base": "ubuntu",
          "entries": {
            "/etc/systemd/system/multi-user.target.wants/web.service": {
              "kind": "link",
              "onConflict": "fail",
              "target": "../web.service"
            },
            "/etc/systemd/system/web.service": {
              "group": "root",
              "kind": "file",
              "mode": "0644",
              "onConflict": "fail",
              "owner": "root",
              "sha256": "83f7c45531645efa6c9d9cade152e80620c1864608ad3349917b3998978fb238",
              "size": 37,
              "source": "files/83f7c45531645efa6c9d9cade152e80620c1864608ad3349917b3998978fb238"
            },
            "/etc/systemd/system/web.service.d/10-limits.conf": {
              "group": "root",
              "kind": "file",
              "mode": "0644",
              "onConflict": "fail",
              "owner": "root",
              "sha256": "40d8baaabac85ad8ac5a2ec40dd065b4ea0fb47c25ce3ddad4c290d22503c90f",
              "size": 10,
              "source": "files/40d8baaabac85ad8ac5a2ec40dd065b4ea0fb47c25ce3ddad4c290d22503c90f"
            },
            "/etc/web.conf": {
              "group": "root",
              "kind": "file",
              "mode": "0644",
              "onConflict": "fail",
              "owner": "root",
              "sha256": "01ea9bc79534a121a5064df3ce29bd12954dd9356c182bbee81013a15185ee1c",
              "size": 10,
              "source": "files/01ea9bc79534a121a5064df3ce29bd12954dd9356c182bbee81013a15185ee1c"
            }
          },
          "groups": [],
          "host": "web-1",
          "packages": [
            {
              "name": "hello",
              "path": "/nix/store/x-hello",
              "version": "1.0"
            }
          ],
          "schema": 1,
          "system": "x86_64-linux",
          "units": {
            "web.service": {
              "enabled": true,
              "files": [
                "/etc/systemd/system/web.service",
                "/etc/systemd/system/web.service.d/10-limits.conf"
              ],
              "links": [
                "/etc/systemd/system/multi-user.target.wants/web.service"
              ],
              "onChange": "restart",
              "stopIfRemoved": true
            }
          },
          "users": []
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&manifest).unwrap());
}

#[test]
fn everything_a_host_would_reject_is_named_at_once() {
    let mut intent = empty_intent();
    intent["users"] = json!([{
        "name": "W b", "uid": 0, "group": "web", "extraGroups": ["a b", "27"], "home": "var",
        "createHome": false, "shell": "/bin/sh", "system": true, "description": "a:b",
    }]);
    intent["directories"] = json!([
        { "path": "/srv/open", "mode": "0777", "owner": "root", "group": "root" },
        { "path": "/nix/var", "mode": "0755", "owner": "root", "group": "root" },
        { "path": "/var/lib/dpkg/info", "mode": "0755", "owner": "root", "group": "root" },
        { "path": "/srv/a\u{202e}b", "mode": "0755", "owner": "root", "group": "root" },
    ]);
    let mut both = file("/srv/open/a", Some("a"));
    both["source"] = json!("/etc/passwd");
    both["mode"] = json!("u=rw");
    both["validate"] = json!(["visudo", "-c"]);
    both["restartUnits"] = json!(["web"]);
    let mut missing = file("/etc/missing", None);
    missing["source"] = json!("/nonexistent/source");
    intent["files"] = json!([
        both,
        file("/etc/../passwd", Some("")),
        file("/etc/a", Some("")),
        file("/etc/a", Some("")),
        file("/etc/a/b", Some("")),
        file("/srv/open/c", Some("")),
        file("/etc/shadow", Some("")),
        missing,
    ]);
    let mut nowhere = unit("nowhere.service", Some("[Service]\nExecStart=/bin/true\n"), Some(true));
    nowhere["dropIns"] = json!([{ "name": "a/b.conf", "text": "" }, { "name": "limits", "text": "" }]);
    intent["units"] = json!([
        nowhere,
        unit("web.servce", Some(""), Some(false)),
        unit("ssh.service", None, Some(true)),
        unit("t@.service", Some("[Install]\nWantedBy=multi-user.target\n"), Some(true)),
    ]);
    expect![[r#"
        error: [NF-203] `W b` cannot have the id 0
          where: nixfleet.users.W b
          help: remove the id, or choose another one
        error: [NF-203] the description contains a `:` or a control character, which /etc/passwd cannot store
          where: nixfleet.users.W b.description
        error: [NF-203] `W b` is neither a number nor a valid account name: use at most 32 letters, digits, `_`, `-` and `.`, and do not start with `-` or `.`
          where: nixfleet.users.W b
        error: [NF-203] `a b` is neither a number nor a valid account name: use at most 32 letters, digits, `_`, `-` and `.`, and do not start with `-` or `.`
          where: nixfleet.users.W b.extraGroups
        error: [NF-203] `27` is a number, but an account name is required
          where: nixfleet.users.W b.extraGroups
        error: [NF-203] path `var` is not absolute
          where: nixfleet.users.W b.home
        error: [NF-203] path `/nix/var` is below /nix, where nothing can be managed
          where: nixfleet.directories."/nix/var"
        error: [NF-203] /var/lib/dpkg/info cannot be managed
          where: nixfleet.directories."/var/lib/dpkg/info"
          why: only dpkg, apt and similar tools may write there: it is their record of the installed packages
          help: let apt install, hold or remove the package on the host; declare its sources: nixfleet.apt.sources.app = { … };
        error: [NF-203] the path contains the invisible character \u{202e}
          where: nixfleet.directories."/srv/a\u{202e}b"
          help: remove the character from the path
        error: [NF-203] mode `u=rw` is not three or four octal digits, such as 0644
          where: nixfleet.files."/srv/open/a".mode
        error: [NF-203] exactly one of `text` and `source` must be set
          where: nixfleet.files."/srv/open/a"
        error: [NF-203] unit name `web` has no suffix, such as .service or .timer
          where: nixfleet.files."/srv/open/a".restartUnits
        error: [NF-203] the validation command has no program, or has no %s for the path of the staged file
          where: nixfleet.files."/srv/open/a".validate
          help: write the command in the form [ "visudo" "-cf" "%s" ]
        error: [NF-203] path `/etc/../passwd` is not normal: it has an empty, `.` or `..` component
          where: nixfleet.files."/etc/../passwd"
        error: [NF-203] /etc/a is declared twice
          where: nixfleet.files."/etc/a", nixfleet.files."/etc/a"
          help: remove one of the two declarations
        error: [NF-203] /etc/shadow cannot be managed
          where: nixfleet.files."/etc/shadow"
          why: only useradd, passwd and similar tools may write it, under a lock: a fixed content would delete accounts and passwords
          help: declare the users: nixfleet.users.ada = { system = false; };
        error: [NF-203] source /nonexistent/source cannot be used: No such file or directory (os error 2)
          where: nixfleet.files."/etc/missing".source
        error: [NF-203] unit nowhere.service is enabled, but its [Install] section names no unit that starts it
          where: nixfleet.systemd.units."nowhere.service".enabled
          help: add `WantedBy=multi-user.target` to its [Install] section (timers: timers.target, sockets: sockets.target), or set `enabled = false`
        error: [NF-203] drop-in name `a/b.conf` is not valid
          where: nixfleet.systemd.units."nowhere.service".dropIns."a/b.conf"
          help: use a plain file name that ends in .conf, such as 10-limits.conf
        error: [NF-203] drop-in name `limits` is not valid
          where: nixfleet.systemd.units."nowhere.service".dropIns."limits"
          help: use a plain file name that ends in .conf, such as 10-limits.conf
        error: [NF-203] unit name `web.servce` has no suffix that systemd knows, such as .service or .timer
          where: nixfleet.systemd.units."web.servce"
        error: [NF-203] unit ssh.service has no text, so the distribution decides whether it is enabled
          where: nixfleet.systemd.units."ssh.service".enabled
          help: remove `enabled`, or set the text of the unit
        error: [NF-203] template t@.service cannot be enabled without an instance: add DefaultInstance= to its [Install] section, or define an instance of the template
          where: nixfleet.systemd.units."t@.service".text
        error: [NF-203] /etc/a is declared as a file, so it cannot be the directory of /etc/a/b
          where: nixfleet.files."/etc/a", nixfleet.files."/etc/a/b"
        error: [NF-203] directory /srv/open has mode 0777, so other users could replace /srv/open/c in it
          where: nixfleet.directories."/srv/open", nixfleet.files."/srv/open/c"
    "#]].assert_eq(&refusal(&intent));
}

#[test]
fn every_element_of_the_wrong_shape_is_named() {
    let mut intent = empty_intent();
    let mut extra = file("/etc/a", Some("a"));
    extra["modus"] = json!("0644");
    intent["files"] = json!([extra, { "path": "/etc/b" }]);
    expect![[r#"
        error: [NF-203] the intent (the host's configuration) has an invalid structure
          where: intent.files[0], path "/etc/a"
          why: unknown field `modus`, expected one of `path`, `text`, `source`, `mode`, `owner`, `group`, `restartUnits`, `reloadUnits`, `onChange`, `validate`, `onConflict`
        error: [NF-203] the intent (the host's configuration) has an invalid structure
          where: intent.files[1], path "/etc/b"
          why: missing field `mode`
    "#]].assert_eq(&refusal(&intent));

    let mut intent = empty_intent();
    intent["schema"] = json!(2);
    expect![[r#"
        error: [NF-203] the intent has a schema that this activator cannot read
          where: schema
          why: the intent has schema 2, but this activator can read only schema 1
          help: take the NixFleet modules and the activator from the same release
    "#]]
    .assert_eq(&refusal(&intent));
}
