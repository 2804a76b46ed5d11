//! Paths that would lead elsewhere are refused when planning, and again when applying.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::ledger;
use crate::room::{PROGRAM, Room, file};

const REFUSED: &str = "Path tricks are refused before anything is touched";

/// Paths that no manifest may name.
const NAMES: [&str; 34] = [
    "",
    "etc/a",
    "./etc/a",
    "../etc/a",
    "/",
    "//etc/a",
    "/etc//a",
    "/etc/a/",
    "/etc/./a",
    "/etc/../root/a",
    "/etc/a/..",
    "/..",
    "/etc/a\n/b",
    "/etc/a\nb",
    "/etc/a\u{0}",
    "/etc/a\u{7f}",
    "/etc/\u{1b}[2Ja",
    "/etc/\u{85}a",
    "/nix",
    "/nix/store/a",
    "/nix/var/nix/profiles/nixfleet/system",
    "/proc",
    "/proc/sysrq-trigger",
    "/proc/1/root/etc/a",
    "/sys",
    "/sys/kernel/x",
    "/dev/sda",
    "/dev/shm/a",
    "/var/lib/nixfleet",
    "/var/lib/nixfleet/state.json",
    "/var/lib/nixfleet/tx/1/0",
    "/run/nixfleet",
    "/run/nixfleet/a",
    "/run/nixfleet-secrets/a",
];

fn entry() -> Value {
    json!({
        "kind": "file", "source": "files/x", "sha256": "0".repeat(64), "size": 0,
        "mode": "0644", "owner": "root", "group": "root",
    })
}

fn manifest(entries: &Value) -> Value {
    json!({
        "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux", "packages": [], "groups": [],
        "users": [], "entries": entries, "units": {},
    })
}

fn plan(room: &Room, manifest: &Value) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(["plan", "--json", "--target", "/nix/store/x", "--manifest", "-", "--root"])
        .arg(room.path("/"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(manifest.to_string().as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    let room = Room::new();
    let before = room.tree("/");
    let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    names.push(format!("/etc/{}", "a".repeat(256)));
    names.push(format!("/etc{}", "/a".repeat(2100)));
    let mut failures = Vec::new();
    for name in &names {
        for entry in [
            entry(),
            json!({ "kind": "link", "target": "/etc/passwd" }),
            json!({ "kind": "directory", "mode": "0755", "owner": "root", "group": "root" }),
        ] {
            let output = plan(&room, &manifest(&json!({ name.as_str(): entry })));
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.code() != Some(1) || !said.contains("NF-203") {
                failures.push(format!("{name:?}: {output:?}"));
            }
        }
    }
    assert_eq!(room.tree("/"), before);
    let tried = format!("{} names, each as a file, a link and a directory", names.len());
    ledger::record(REFUSED, "tricks::a_path_that_leads_elsewhere_is_refused", &tried, &failures);
}

#[test]
fn a_source_that_leads_elsewhere_is_refused() {
    let room = Room::new();
    let sources = [
        "",
        "files",
        "files/",
        "files/..",
        "files/../../../../etc/shadow",
        "../x",
        "./files/x",
        "/",
        "/etc/../nix/store/x",
        "//nix/store/x",
        "files/a/b",
        "manifest.json",
        "/nix/store/a\nb",
        "files/.",
        "sw/bin/x",
    ];
    let mut failures = Vec::new();
    for source in sources {
        let mut entry = entry();
        entry["source"] = json!(source);
        let output = plan(&room, &manifest(&json!({ "/etc/a": entry })));
        if output.status.code() != Some(1) || !String::from_utf8_lossy(&output.stdout).contains("NF-203") {
            failures.push(format!("{source:?}: {output:?}"));
        }
    }
    let tried = format!("{} sources", sources.len());
    ledger::record(REFUSED, "tricks::a_source_that_leads_elsewhere_is_refused", &tried, &failures);
}

/// What makes the way to `/srv/a/b/file` unsafe, the code of the refusal, and where it points.
type Trick = (&'static str, fn(&Room), &'static str);

const WAYS: [Trick; 9] = [
    ("the directory is a link to a directory", |room| link(room, "/etc", "/srv/a/b"), "/srv/a/b"),
    ("a directory above is a link", |room| link(room, "/etc", "/srv/a"), "/srv/a"),
    ("a directory at the top is a link", |room| link(room, "/etc", "/srv"), "/srv"),
    ("the directory is a link to itself", |room| link(room, "b", "/srv/a/b"), "/srv/a/b"),
    (
        "the directory is a link into the host's own way up",
        |room| link(room, "../../etc", "/srv/a/b"),
        "/srv/a/b",
    ),
    ("the group may write to the directory", |room| make(room, "/srv/a/b", 0o775), "/srv/a/b"),
    ("others may write to a directory above", |room| make_above(room, 0o757), "/srv/a"),
    ("all may write, and it is not sticky", |room| make(room, "/srv/a/b", 0o777), "/srv/a/b"),
    ("a file stands in the way", |room| room.write("/srv/a", "x"), "/srv/a"),
];

fn link(room: &Room, target: &str, path: &str) {
    let path = room.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, path).unwrap();
}

fn make(room: &Room, path: &str, mode: u32) {
    fs::create_dir_all(room.path(path)).unwrap();
    fs::set_permissions(room.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

fn make_above(room: &Room, mode: u32) {
    make(room, "/srv/a/b", 0o755);
    make(room, "/srv/a", mode);
}

#[test]
fn a_way_that_somebody_else_can_bend_is_refused() {
    let mut failures = Vec::new();
    for (name, prepare, place) in WAYS {
        let room = Room::new();
        prepare(&room);
        let closure = room.closure("1", &json!({ "files": [file("/srv/a/b/file", Some("x"))] }));
        let before = room.tree("/");
        let plan = room.plan(&closure);
        let problem = &plan["problems"][0];
        let refused = problem["code"] == "NF-410" && problem["where"] == place && problem["help"].is_string();
        let report = room.apply(&closure);
        let blocked = report["outcome"] == "blocked" && report["problem"]["code"] == "NF-410";
        let after: String = room
            .tree("/")
            .lines()
            .filter(|line| !line.starts_with("/var/lib/nixfleet"))
            .fold(String::new(), |text, line| text + line + "\n");
        if !refused || !blocked || after != before {
            failures.push(format!("{name}: {plan:#} {report:#} {after}"));
        }
    }
    // A sticky directory of root's is as safe as any.
    let room = Room::new();
    make(&room, "/srv/a/b", 0o1777);
    room.applied(&room.closure("1", &json!({ "files": [file("/srv/a/b/file", Some("x"))] })), "ok");
    let tried = format!("{} ways to a path", WAYS.len());
    ledger::record(REFUSED, "tricks::a_way_that_somebody_else_can_bend_is_refused", &tried, &failures);
}
