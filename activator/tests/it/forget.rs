//! Tests of the removal of NixFleet's records from a host. A removal that is interrupted at any point can be
//! continued.

use std::fs;

use serde_json::{Value, json};

use crate::room::{Room, file, with};
use crate::stand::{Stand, differences, with_own_mounts};
use crate::upkeep::answer;

const CLEAN: [&str; 3] = ["forget", "--mode", "clean"];
const LEAVE: [&str; 3] = ["forget", "--mode", "leave"];

/// Returns the intent of a host with nothing declared: only the recovery at boot.
fn bare() -> Value {
    json!({ "files": [
        file("/etc/systemd/system/nixfleet-recover.service", Some("any\n")),
        file("/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf", Some("any\n")),
    ] })
}

/// Returns the intent of a host with a file that has an original, and a file that has none.
fn declared() -> Value {
    let mut lists = bare();
    let files = lists["files"].as_array_mut().unwrap();
    files.push(with(file("/etc/restored", Some("ours\n")), "onConflict", "backup"));
    files.push(file("/srv/ours/file", Some("ours\n")));
    lists
}

fn managed() -> (Room, String) {
    let room = Room::new();
    room.write("/etc/restored", "stood there\n");
    room.write("/etc/systemd/system/other.service", "[Service]\n");
    let before = room.tree("/etc");
    room.applied(&room.closure("one", &declared()), "ok");
    (room, before)
}

#[test]
fn a_host_with_declared_files_is_not_cleaned_and_nothing_is_left_of_an_empty_one() {
    let (room, before) = managed();
    let refused = answer(&room, &CLEAN);
    assert_eq!((&refused["outcome"], &refused["problem"]["code"]), (&json!("blocked"), &json!("NF-310")));
    room.applied(&room.closure("bare", &bare()), "ok");
    let planned = answer(&room, &[&CLEAN[..], &["--dry-run"]].concat());
    assert_eq!(planned["isManaged"], true);
    let report = room.run(&[&CLEAN[..], &["--json"]].concat());
    assert!(report.status.success(), "{report:?}");
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["outcome"], "ok", "{report:#}");
    for path in planned["removed"].as_array().unwrap() {
        assert!(report["removed"].as_array().unwrap().contains(path), "{path} is not among {report:#}");
    }
    assert_eq!(room.tree("/etc"), before);
    for gone in ["/var/lib/nixfleet", "/nix/var/nix/profiles/nixfleet"] {
        assert!(!room.path(gone).exists(), "{gone}: {}", room.tree("/"));
    }
    // There is nothing left to do.
    let planned = answer(&room, &[&CLEAN[..], &["--dry-run"]].concat());
    assert_eq!((&planned["isManaged"], &planned["removed"]), (&json!(false), &json!([])));
}

#[test]
fn a_host_that_is_left_keeps_its_generation_and_its_originals() {
    let (room, _) = managed();
    let mut newer = declared();
    newer["files"].as_array_mut().unwrap().push(file("/etc/newer", Some("x\n")));
    let closure = room.closure("three", &newer);
    room.applied(&closure, "ok");
    let before = [room.tree("/srv"), room.read("/etc/restored")];
    let report = answer(&room, &LEAVE);
    assert_eq!(report["outcome"], "ok", "{report:#}");
    assert_eq!([room.tree("/srv"), room.read("/etc/restored")], before);
    let profile = room.path("/nix/var/nix/profiles/nixfleet");
    assert_eq!(fs::read_link(profile.join("system")).unwrap().to_str(), Some("system-2-link"));
    assert_eq!(fs::read_link(profile.join("system-2-link")).unwrap().to_str(), Some(&*closure));
    assert_eq!(fs::read_dir(&profile).unwrap().count(), 2, "{}", room.tree("/nix"));
    let home: Vec<_> = fs::read_dir(room.path("/var/lib/nixfleet")).unwrap().flatten().collect();
    assert_eq!(home.len(), 1, "{home:?}");
    let left = home[0].path();
    assert!(left.file_name().unwrap().to_string_lossy().starts_with("left-"), "{home:?}");
    assert!(left.join("state.json").exists() && left.join("originals").is_dir(), "{}", room.tree("/var"));
    // The host can be managed again, as a host that NixFleet does not know.
    let mut again = newer;
    for file in again["files"].as_array_mut().unwrap() {
        file["onConflict"] = json!("adopt");
    }
    room.applied(&room.closure("again", &again), "ok");
}

/// Prepares a host on which nothing is declared any more.
fn cleaned(stand: &Stand) {
    stand.install();
    stand.write("/etc/restored", "stood there\n", 0o644);
    stand.apply(&stand.closure("one", &declared()));
    stand.apply(&stand.closure("bare", &bare()));
    stand.save("cleaned");
}

#[test]
fn a_removal_that_is_killed_at_any_point_is_continued() {
    with_own_mounts("forget::a_removal_that_is_killed_at_any_point_is_continued", |stand| {
        cleaned(stand);
        for arguments in [&CLEAN[..], &LEAVE[..]] {
            stand.load("cleaned");
            let changes = stand.changes(arguments).len();
            let after = stand.tree();
            assert!(changes > 8, "{changes} changes");
            for at in 1..=changes {
                stand.load("cleaned");
                let output = stand.run(arguments, Some(("kill", at)));
                assert!(!output.status.success(), "{at}: {output:?}");
                let output = stand.run(arguments, None);
                assert!(output.status.success(), "{at}: {output:?}");
                assert_eq!(differences(&stand.tree(), &after), [""; 0], "killed at change {at}");
            }
        }
    });
}
