//! Tests of the removal of unneeded generations and backups. After any fault, everything that is needed must
//! still exist.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::ledger;
use crate::room::{Room, file, with};
use crate::stand::{Stand, differences, with_own_mounts};

const GC: [&str; 3] = ["gc", "--keep", "1"];

/// Returns intent lists with two files that have originals, and one file without an original.
fn version(number: u32) -> Value {
    let text = format!("version {number}\n");
    json!({ "files": [
        with(file("/etc/restored", Some(&text)), "onConflict", "backup"),
        with(file("/etc/kept-for-ever", Some("ours\n")), "onConflict", "backup"),
        file("/etc/version", Some(&text)),
    ] })
}

fn numbers(generations: &Value) -> Vec<u64> {
    let number = |generation: &Value| generation["number"].as_u64().unwrap();
    generations.as_array().unwrap().iter().map(number).collect()
}

/// Creates a test host (a room) with the given number of generations.
fn room(generations: u32) -> Room {
    let room = Room::new();
    for path in ["/etc/restored", "/etc/kept-for-ever"] {
        room.write(path, "stood there\n");
    }
    for number in 1..=generations {
        room.applied(&room.closure(&number.to_string(), &version(number)), "ok");
    }
    room
}

pub fn answer(room: &Room, arguments: &[&str]) -> Value {
    let output = room.run(&[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_plan_says_why_each_generation_stays_and_changes_nothing() {
    let room = room(6);
    room.rollback("3");
    let before = room.tree("/");

    let asked = ["gc", "--keep", "1", "--pinned", "1", "--rollout", "5:3", "--rollout", "4:5", "--dry-run"];
    let plan = answer(&room, &asked);

    let fate = |judged: &Value| (judged["number"].as_u64().unwrap(), judged["needed"].to_string());
    let fates: Vec<_> = plan["generations"].as_array().unwrap().iter().map(fate).collect();
    let expected = [
        (1, r#"["pinned"]"#),
        (2, r#"["previous"]"#),
        (3, r#"["current","last-change","rollout"]"#),
        (4, "[]"),
        (5, r#"["rollout"]"#),
        (6, r#"["last-change","newest"]"#),
    ];
    // The activator records only a run that has a name. The runs of this test have none, so nothing is kept
    // as the last change.
    let without_last = |text: &str| text.replace(r#","last-change""#, "").replace(r#""last-change","#, "");
    let expected = expected.map(|(number, needed)| (number, without_last(needed)));
    assert_eq!(fates, expected);
    assert!(plan["disk"]["size"].as_u64().unwrap() > 0);
    assert_eq!(room.tree("/"), before);
    assert_eq!(numbers(&room.status()["generations"]), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_was_shown_goes_and_the_way_back_stays() {
    let room = room(5);
    let plan = answer(&room, &["gc", "--keep", "1", "--dry-run"]);
    let expect = plan["fingerprint"].as_str().unwrap();

    let other = answer(&room, &["gc", "--keep", "3", "--expect", expect]);
    assert_eq!((&other["outcome"], &other["problem"]["code"]), (&json!("blocked"), &json!("NF-403")));
    assert_eq!(numbers(&room.status()["generations"]), [1, 2, 3, 4, 5]);

    let report = answer(&room, &["gc", "--keep", "1", "--expect", expect]);
    assert_eq!(report["outcome"], "ok", "{report:#}");
    assert_eq!(numbers(&report["dropped"]), [1, 2, 3]);
    assert_eq!(numbers(&room.status()["generations"]), [4, 5]);
    assert_eq!(answer(&room, &GC)["outcome"], "unchanged");
    assert_eq!(room.rollback("previous")["after"]["number"], 4);
    assert_eq!(room.read("/etc/version"), "version 4\n");
    assert_eq!(numbers(&room.status()["generations"]), [4, 5]);
    let next = room.applied(&room.closure("next", &version(7)), "ok");
    assert_eq!(next["after"]["number"], 6, "no number comes twice");
}

#[test]
fn the_store_is_collected_after_the_generations_and_its_failure_is_told() {
    let room = room(4);
    room.write("/nix-store", "#!/bin/sh\necho 7 store paths deleted, 1.50 MiB freed\n");
    room.chmod("/nix-store", 0o755);
    let program = room.path("/nix-store").to_str().unwrap().to_owned();

    let report = answer(&room, &["gc", "--keep", "1", "--collect", &program]);
    assert_eq!(report["outcome"], "ok", "{report:#}");
    assert_eq!(report["collected"], json!({ "paths": 7, "freed": 1_572_864 }));
    assert_eq!(numbers(&report["dropped"]), [1, 2]);

    room.write("/nix-store", "#!/bin/sh\necho error: the database is busy >&2\nexit 1\n");
    let output = room.run(&["gc", "--keep", "1", "--collect", &program, "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["outcome"]), (Some(2), &json!("failed")));
    assert!(report["problem"]["why"].as_str().unwrap().contains("the database is busy"), "{report:#}");
}

#[test]
fn nothing_goes_while_another_run_holds_the_lock() {
    let room = room(4);
    let mut flock = Command::new("flock")
        .arg(room.path("/var/lib/nixfleet/lock"))
        .args(["sh", "-c", "echo held; read -r _"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = [0; 5];
    std::io::Read::read_exact(flock.stdout.as_mut().unwrap(), &mut held).unwrap();

    let plan = answer(&room, &["gc", "--keep", "1", "--dry-run"]);
    assert_eq!(plan["problem"]["code"], "NF-401");
    for report in [answer(&room, &GC), drops(&room, &json!([]))] {
        assert_eq!((&report["outcome"], &report["problem"]["code"]), (&json!("blocked"), &json!("NF-401")));
    }
    assert_eq!(numbers(&room.status()["generations"]), [1, 2, 3, 4]);

    drop(flock.stdin.take());
    flock.wait().unwrap();
}

/// Drops the given backups and returns the report.
pub fn drops(room: &Room, backups: &Value) -> Value {
    room.write("/request.json", &json!({ "schema": 1, "backups": backups }).to_string());
    let request = room.path("/request.json").to_str().unwrap().to_owned();
    answer(room, &["backups", "drop", "--request", &request])
}

/// Returns path, kind, generation and size of each backup, and whether the backup is needed.
fn shown(list: &Value) -> Vec<(String, String, Option<u64>, u64, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let backup = |backup: &Value| {
        let needed = backup["needed"].as_bool().unwrap_or_default();
        let size = backup["size"].as_u64().unwrap();
        (text(&backup["path"]), text(&backup["kind"]), backup["generation"].as_u64(), size, needed)
    };
    list["backups"].as_array().unwrap().iter().map(backup).collect()
}

#[test]
fn backups_are_listed_shown_and_dropped_and_a_needed_original_only_by_name() {
    let room = room(1);
    for number in 2..=3 {
        room.write("/etc/version", &format!("by hand {number}\n"));
        room.applied(&room.closure(&number.to_string(), &version(number)), "ok");
    }
    let of = |path: &str, kind: &str, generation, size, needed| {
        (path.to_owned(), kind.to_owned(), generation, size, needed)
    };
    let originals = [
        of("/etc/kept-for-ever", "original", None, 12, true),
        of("/etc/restored", "original", None, 12, true),
    ];
    let edits = [2, 3].map(|number| of("/etc/version", "hand-edit", Some(number), 10, false));
    let list = answer(&room, &["backups", "list"]);
    assert_eq!(shown(&list), [originals.to_vec(), edits.to_vec()].concat());

    let show = |arguments: &[&str]| {
        let output = room.run(&[&["backups", "show", "--json"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, content) = text.split_once('\n').unwrap();
        (serde_json::from_str::<Value>(head).unwrap(), content.to_owned())
    };
    let (head, content) = show(&["--path", "/etc/version"]);
    assert_eq!((content.as_str(), &head["bytes"]), ("by hand 3\n", &json!(10)), "the newest");
    assert_eq!(head["others"].as_array().unwrap().len(), 1);
    assert_eq!(show(&["--path", "/etc/version", "--generation", "2"]).1, "by hand 2\n");
    assert_eq!(show(&["--path", "/etc/restored", "--original"]).1, "stood there\n");
    assert_eq!(show(&["--path", "/var/lib/nixfleet/kept/2/etc/version"]).1, "by hand 2\n");
    let (refusal, _) = show(&["--path", "/etc/version", "--original"]);
    assert_eq!(refusal["problem"]["why"], "the host has other backups of this path");

    let all = list["backups"].as_array().unwrap();
    let mut forged = all[3].clone();
    forged["place"] = json!("/etc/passwd");
    let mut unneeded = all[0].clone();
    unneeded["needed"] = json!(false);
    for strange in [forged, unneeded] {
        let report = drops(&room, &json!([all[2], strange]));
        let ended = (&report["outcome"], &report["problem"]["code"]);
        assert_eq!(ended, (&json!("blocked"), &json!("NF-403")), "{report:#}");
        assert_eq!(answer(&room, &["backups", "list"])["backups"], list["backups"]);
    }

    let report = drops(&room, &json!([all[0], all[2], all[3]]));
    assert_eq!(report["outcome"], "ok", "{report:#}");
    assert_eq!(shown(&answer(&room, &["backups", "list"])), [originals[1].clone()]);
    assert!(fs::read_dir(room.path("/var/lib/nixfleet/kept")).unwrap().next().is_none());
    // When NixFleet stops managing the files, the remaining original is restored. The dropped original is
    // not.
    room.applied(&room.closure("nothing", &json!({})), "ok");
    assert_eq!(room.read("/etc/restored"), "stood there\n");
    assert!(!room.path("/etc/kept-for-ever").exists());
    assert_eq!(shown(&answer(&room, &["backups", "list"])), []);
}

/// Creates a host with six generations, a manual edit in each, and two originals, and saves it as `full`.
fn full(stand: &Stand) {
    stand.install();
    for path in ["/etc/restored", "/etc/kept-for-ever"] {
        stand.write(path, "stood there\n", 0o644);
    }
    for number in 1..=6 {
        stand.apply(&stand.closure(&number.to_string(), &version(number)));
        stand.write("/etc/version", &format!("by hand {number}\n"), 0o644);
    }
    stand.save("full");
}

/// Returns the damage that a failed run has caused. The state, the current generation and the originals of
/// this generation must still exist.
fn broken(stand: &Stand) -> Vec<String> {
    let mut broken = Vec::new();
    let status: Value = serde_json::from_slice(&stand.run(&["status"], None).stdout).unwrap_or_default();
    if status["current"]["number"] != 6 || !numbers(&status["generations"]).ends_with(&[5, 6]) {
        broken.push(format!("it stands at {} of {}", status["current"], status["generations"]));
    }
    let state = fs::read(stand.path("/var/lib/nixfleet/state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap_or_default();
    for (path, owned) in state["paths"].as_object().into_iter().flatten() {
        if let Some(kept) = owned["origin"]["kept"].as_str()
            && !stand.path(kept).exists()
        {
            broken.push(format!("the original of {path} is lost"));
        }
    }
    if state["generation"] != 6 {
        broken.push("there is no state".to_owned());
    }
    broken
}

/// Injects each kind of fault at each change of a run, and then repeats the run without a fault.
fn fails_anywhere(test: &str, what: &str, prepare: impl Fn(&Stand) -> Vec<String>) {
    with_own_mounts(test, |stand| {
        full(stand);
        stand.load("full");
        let arguments = prepare(stand);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let changes = stand.changes(&arguments).len();
        let after = stand.tree();
        assert!(changes > 6, "{changes} changes");
        let (mut failures, mut tried) = (Vec::new(), 0);
        for at in 1..=changes {
            for kind in ["kill", "torn", "enospc", "full", "eio", "dead"] {
                let trial = format!("{kind} at change {at}");
                tried += 1;
                stand.load("full");
                prepare(stand);
                let output = stand.run(&arguments, Some((kind, at)));
                let killed = matches!(kind, "kill" | "torn");
                if killed != (output.status.signal() == Some(9)) {
                    failures.push(format!("{trial}: {output:?}"));
                }
                failures.extend(broken(stand).into_iter().map(|why| format!("{trial}: {why}")));
                // The failed run may already have dropped some of the generations or backups.
                prepare(stand);
                let output = stand.run(&arguments, None);
                let different = differences(&stand.tree(), &after);
                if !output.status.success() || !different.is_empty() {
                    failures.push(format!("{trial}: run again it gives {different:?} {output:?}"));
                }
            }
        }
        ledger::record("Nothing needed is dropped", test, &format!("{tried} {what}"), &failures);
    });
}

#[test]
fn a_collection_fails_anywhere() {
    let arguments = || GC.map(str::to_owned).to_vec();
    fails_anywhere(
        "upkeep::a_collection_fails_anywhere",
        "ways and points for a collection of generations to fail",
        |_| arguments(),
    );
}

#[test]
fn a_drop_of_all_backups_fails_anywhere() {
    let prepare = |stand: &Stand| {
        let list = stand.run(&["backups", "list"], None);
        let list: Value = serde_json::from_slice(&list.stdout).unwrap();
        let request = stand.root().join("../request.json");
        let document = json!({ "schema": 1, "backups": list["backups"] });
        fs::write(&request, document.to_string()).unwrap();
        let request = request.to_str().unwrap().to_owned();
        ["backups", "drop", "--request", &request].map(str::to_owned).to_vec()
    };
    fails_anywhere(
        "upkeep::a_drop_of_all_backups_fails_anywhere",
        "ways and points for a drop of backups to fail",
        prepare,
    );
}

#[test]
fn a_full_disk_is_no_reason_to_keep_what_nobody_needs() {
    with_own_mounts("upkeep::a_full_disk_is_no_reason_to_keep_what_nobody_needs", |stand| {
        full(stand);
        let list: Value = serde_json::from_slice(&stand.run(&["backups", "list"], None).stdout).unwrap();
        let free = list["backups"].as_array().unwrap().iter().filter(|backup| backup["needed"] != true);
        let document = json!({ "schema": 1, "backups": free.collect::<Vec<_>>() });
        let request = stand.root().join("../request.json");
        fs::write(&request, document.to_string()).unwrap();
        let drop = ["backups", "drop", "--request", request.to_str().unwrap()];
        for arguments in [&GC[..], &drop] {
            // The lock file already exists, so opening it succeeds. All further changes that need space fail.
            let output = stand.run(arguments, Some(("full", 2)));
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["outcome"], "ok", "{report:#}");
            assert!(!report["dropped"].as_array().unwrap().is_empty());
        }
    });
}

#[test]
fn an_interrupted_change_is_recovered_before_a_generation_goes() {
    with_own_mounts("upkeep::an_interrupted_change_is_recovered_before_a_generation_goes", |stand| {
        full(stand);
        let seven = stand.closure("7", &version(7));
        let apply = ["apply", "--closure", &seven];
        stand.load("full");
        let changes = stand.changes(&apply).len();
        let mut ends = BTreeSet::new();
        for at in (1..=changes).step_by(3) {
            stand.load("full");
            stand.run(&apply, Some(("kill", at)));
            let before: Value = serde_json::from_slice(&stand.run(&["status"], None).stdout).unwrap();
            let plan = stand.run(&[&GC[..], &["--dry-run"]].concat(), None);
            let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
            assert_eq!(plan["interrupted"].is_string(), before["interrupted"].is_string(), "kill at {at}");
            let output = stand.run(&GC, None);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["outcome"], "ok", "kill at {at}: {report:#}");
            assert_eq!(report["recovered"].is_string(), before["interrupted"].is_string(), "kill at {at}");
            let status: Value = serde_json::from_slice(&stand.run(&["status"], None).stdout).unwrap();
            let current = status["current"]["number"].as_u64().unwrap();
            assert_eq!(numbers(&status["generations"]), [current - 1, current], "kill at {at}");
            assert_eq!(status["interrupted"], Value::Null);
            let version = fs::read_to_string(stand.path("/etc/version")).unwrap();
            let expected = if current == 7 { "version 7\n" } else { "by hand 6\n" };
            assert_eq!(version, expected, "kill at {at}");
            ends.insert(current);
        }
        assert_eq!(ends, BTreeSet::from([6, 7]));
    });
}
