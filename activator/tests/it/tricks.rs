//! Tests of unsafe paths, which both a plan and an apply must reject.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::process::{Command, Output, Stdio};

use rustix::fs::XattrFlags;
use serde_json::{Value, json};

use crate::ledger;
use crate::room::{PROGRAM, Room, file};

const REFUSED: &str = "Path tricks are refused before anything is touched";

/// Invalid paths in a manifest.
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
        "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux", "packages": [],
        "groups": [], "users": [], "entries": entries, "units": {},
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

/// A description, a function that makes the way to `/srv/a/b/file` unsafe, and the path that the problem must
/// report.
type Trick = (&'static str, fn(&Room), &'static str);

const WAYS: [Trick; 12] = [
    ("the directory is a link to a directory", |room| link(room, "/etc", "/srv/a/b"), "/srv/a/b"),
    ("a directory above is a link", |room| link(room, "/etc", "/srv/a"), "/srv/a"),
    ("a directory at the top is a link", |room| link(room, "/etc", "/srv"), "/srv"),
    ("the directory is a link to itself", |room| link(room, "b", "/srv/a/b"), "/srv/a/b"),
    (
        "the directory is a link into the host's own way up",
        |room| link(room, "../../etc", "/srv/a/b"),
        "/srv/a/b",
    ),
    ("a group of people may write to the directory", |room| make_for(room, 0, 1000, 0o775), "/srv/a/b"),
    ("the group of somebody's directory may write to it", |room| make_for(room, 1000, 4, 0o775), "/srv/a/b"),
    ("a group of the system may write to it, and all others", |room| make_for(room, 0, 4, 0o777), "/srv/a/b"),
    ("an access control list lets somebody write to it", make_with_list, "/srv/a/b"),
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

fn make_for(room: &Room, owner: u32, group: u32, mode: u32) {
    make(room, "/srv/a/b", 0o755);
    chown(room.path("/srv/a/b"), Some(owner), Some(group)).unwrap();
    make(room, "/srv/a/b", mode);
}

fn make_with_list(room: &Room) {
    /// An access control list: the owner and user 1000 can write, the group and others can read.
    const LIST: &[u8] = &[
        2, 0, 0, 0, // version
        1, 0, 7, 0, 255, 255, 255, 255, // owner
        2, 0, 7, 0, 232, 3, 0, 0, // user 1000
        4, 0, 5, 0, 255, 255, 255, 255, // group
        16, 0, 7, 0, 255, 255, 255, 255, // mask
        32, 0, 5, 0, 255, 255, 255, 255, // others
    ];
    make(room, "/srv/a/b", 0o755);
    rustix::fs::setxattr(room.path("/srv/a/b"), c"system.posix_acl_access", LIST, XattrFlags::empty())
        .unwrap();
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
        let refused = problem["code"] == "NF-410"
            && problem["where"] == place
            && problem["help"].as_str().is_some_and(|help| !help.contains("chmod"));
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
    // A sticky directory of root is safe.
    let room = Room::new();
    make(&room, "/srv/a/b", 0o1777);
    room.applied(&room.closure("1", &json!({ "files": [file("/srv/a/b/file", Some("x"))] })), "ok");
    let tried = format!("{} ways to a path", WAYS.len());
    ledger::record(REFUSED, "tricks::a_way_that_somebody_else_can_bend_is_refused", &tried, &failures);
}

/// A system group may write to `/var/log` on Ubuntu, for syslog, and to `/usr/local` on Debian, for example.
#[test]
fn a_group_of_the_system_may_write_to_directories_of_roots() {
    let lists = json!({ "files": [file("/srv/a/b/file", Some("x"))] });
    for (group, mode) in [(0, 0o775), (4, 0o2775), (999, 0o770)] {
        let room = Room::new();
        make_for(&room, 0, group, mode);
        room.applied(&room.closure("1", &lists), "ok");
    }
    // The range of system groups is read from the host.
    let room = Room::new();
    make_for(&room, 0, 999, 0o775);
    room.write("/etc/login.defs", "# SYS_GID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX\t499\n");
    assert_eq!(room.applied(&room.closure("1", &lists), "blocked")["problem"]["code"], "NF-410");
    // Groups are not trusted to write to a parent of NixFleet's own directory, not even system groups.
    let room = Room::new();
    chown(room.path("/var/lib"), Some(0), Some(4)).unwrap();
    make(&room, "/var/lib", 0o775);
    assert_eq!(room.applied(&room.closure("1", &lists), "blocked")["problem"]["where"], "/var/lib");
}
