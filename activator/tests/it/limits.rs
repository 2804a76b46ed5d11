//! Tests of hosts that are busy, have a full disk, or have several filesystems.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nixfleet_activate::host::Host;
use nixfleet_activate::host::lock::{self, Lock};
use serde_json::{Value, json};

use crate::room::{PROGRAM, Room, directory, file, with};

#[test]
fn a_second_run_is_refused_with_the_name_of_the_first() {
    let room = Room::new();
    let closure = room.closure("1", &json!({ "files": [file("/etc/a", Some("a"))] }));
    let host = Host::open(&room.path("/")).unwrap();
    let lock = Lock::take(&host, &lock::this_process("alice@desk", "apply")).unwrap();
    let report = room.applied(&closure, "blocked");
    assert_eq!(report["problem"]["code"], "NF-401");
    assert!(
        report["problem"]["why"].as_str().unwrap().starts_with("alice@desk has been running apply (process ")
    );
    assert!(room.status()["lockedBy"].as_str().unwrap().starts_with("alice@desk"));
    assert_eq!(room.plan(&closure)["steps"].as_array().unwrap().len(), 2, "planning needs no lock");
    assert_eq!(
        room.plan(&closure)["problems"][0]["code"],
        "NF-401",
        "but it says that it may soon be untrue"
    );
    drop(lock);
    room.applied(&closure, "ok");
    assert_eq!(room.status()["lockedBy"], Value::Null);
}

#[test]
fn while_a_run_changes_the_host_its_changes_are_not_drift() {
    let room = Room::new();
    let closure = room.closure("1", &json!({ "files": [file("/etc/a", Some("a"))] }));
    room.applied(&closure, "ok");
    room.write("/etc/a", "half of a change");
    let host = Host::open(&room.path("/")).unwrap();
    let lock = Lock::take(&host, &lock::this_process("alice@desk", "apply")).unwrap();
    let status = room.status();
    assert!(status["lockedBy"].as_str().unwrap().starts_with("alice@desk"), "{status:#}");
    assert_eq!(status["drift"], json!([]), "{status:#}");
    assert_eq!(room.plan(&closure)["drift"], json!([]));
    drop(lock);
    assert_eq!(room.status()["drift"][0]["subject"], "/etc/a");
    assert_eq!(room.plan(&closure)["drift"][0]["subject"], "/etc/a");
}

/// Runs a script in a new mount namespace. `$A` is the program, and `$R` the root directory of the test host.
fn with_filesystems(room: &Room, script: &str) -> Output {
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-ec", script])
        .env("A", PROGRAM)
        .env("R", room.path("/"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_touched() {
    let room = Room::new();
    std::fs::create_dir(room.path("/var/lib/nixfleet")).unwrap();
    let large = "x".repeat(1 << 20);
    let files = json!([file("/etc/large", Some(&large)), file("/etc/small", Some("small"))]);
    let closure = room.closure("1", &json!({ "files": files }));
    let before = room.tree("/etc");
    let script = format!(
        "mount -t tmpfs -o size=256k,mode=700 tmpfs $R/var/lib/nixfleet
         mount -t tmpfs -o size=256k tmpfs $R/etc
         tar -C $R/../etc -cf - . | tar -C $R/etc -xf -
         $A apply --root $R --json --closure {closure} || test $? = 2
         ls $R/etc $R/var/lib/nixfleet >&2"
    );
    // The small filesystem will hide the account files in /etc, so prepare copies of these files for that
    // filesystem.
    let copy = room.path("/").parent().unwrap().join("etc");
    std::fs::create_dir(&copy).unwrap();
    for name in ["passwd", "group", "shadow"] {
        std::fs::copy(room.path("/etc").join(name), copy.join(name)).unwrap();
    }
    let output = with_filesystems(&room, &script);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["outcome"], &report["problem"]["code"]),
        (&json!("blocked"), &json!("NF-411")),
        "{report:#}"
    );
    let listing = String::from_utf8(output.stderr).unwrap();
    let names: Vec<&str> = listing.lines().filter(|line| !line.is_empty() && !line.ends_with(':')).collect();
    assert_eq!(names, ["group", "passwd", "shadow", "lock"], "nothing is left");
    assert_eq!(room.tree("/etc"), before);
}

#[test]
fn a_path_on_another_filesystem_is_replaced_kept_and_restored_just_the_same() {
    let room = Room::new();
    std::fs::create_dir(room.path("/srv")).unwrap();
    let backup = with(file("/srv/a", Some("managed\n")), "onConflict", "backup");
    let one = room.closure("1", &json!({ "files": [backup, file("/srv/new/deep/b", Some("b\n"))] }));
    let two = room.closure("2", &json!({}));
    let script = format!(
        "mount -t tmpfs tmpfs $R/srv
         printf 'before\\n' >$R/srv/a; chmod 604 $R/srv/a; touch -d '2001-02-03 04:05:06.789' $R/srv/a
         was=$(stat -c '%a %u %y' $R/srv/a)
         $A apply --root $R --closure {one} >&2
         test \"$(cat $R/srv/a) $(cat $R/srv/new/deep/b)\" = 'managed b'
         printf 'by hand\\n' >$R/srv/a
         $A apply --root $R --closure {two} >&2
         test \"$(cat $R/srv/a)\" = before
         test \"$(stat -c '%a %u %y' $R/srv/a)\" = \"$was\"
         test \"$(cat $R/var/lib/nixfleet/kept/2/srv/a)\" = 'by hand'
         test \"$(ls -A $R/srv)\" = a"
    );
    with_filesystems(&room, &script);
}

#[test]
fn a_lock_is_free_at_once_even_while_children_are_being_started() {
    let room = Room::new();
    let host = Host::open(&room.path("/")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                Command::new("true").status().unwrap();
            }
        });
        let refused =
            (0..200).filter(|_| Lock::take(&host, &lock::this_process("me", "apply")).is_err()).count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(refused, 0);
    });
}

#[test]
fn a_second_mount_of_the_same_filesystem_is_one_of_its_own() {
    let room = Room::new();
    room.write("/data/keep", "x");
    room.write("/srv/.hidden", "");
    let files = json!([file("/srv/a", Some("a\n")), file("/srv/b/c", Some("c\n"))]);
    let lists = json!({ "directories": [directory("/srv/d", "0750")], "files": files });
    let (all, nothing) = (room.closure("all", &lists), room.closure("nothing", &json!({})));
    let script = format!(
        "mount --bind $R/data $R/srv
         $A apply --root $R --closure {all}
         cat $R/data/a $R/data/b/c
         # A mount point cannot be moved, and is not empty of meaning either.
         mount -t tmpfs tmpfs $R/srv/d
         $A apply --root $R --closure {nothing}
         ls -A $R/data"
    );
    let output = with_filesystems(&room, &script);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("a\nc\n") && shown.ends_with("d\nkeep\n"), "{shown}");
}

#[test]
fn records_behind_a_link_are_refused_before_anything_is_begun() {
    let room = Room::new();
    std::fs::create_dir(room.path("/data")).unwrap();
    std::os::unix::fs::symlink("../../data", room.path("/var/lib/nixfleet")).unwrap();
    let closure = room.closure("1", &json!({ "files": [file("/etc/a", Some("a\n"))] }));
    assert_eq!(room.plan(&closure)["problems"][0]["code"], "NF-410");
    for _ in 0..2 {
        let report = room.applied(&closure, "blocked");
        assert_eq!(report["problem"]["code"], "NF-410");
    }
    assert!(!room.path("/data/journal.json").exists());
}

/// Commands that only read the host take the lock briefly to check whether it is free.
#[test]
fn whoever_only_looks_keeps_nobody_from_the_lock() {
    let room = Room::new();
    let host = Host::open(&room.path("/")).unwrap();
    let holder = lock::this_process("me", "apply");
    drop(Lock::take(&host, &holder).unwrap());
    let look = std::fs::File::open(room.path("/var/lib/nixfleet/lock")).unwrap();
    rustix::fs::flock(&look, rustix::fs::FlockOperation::NonBlockingLockShared).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(8));
            drop(look);
        });
        assert!(Lock::take(&host, &holder).is_ok());
    });
}
