//! Tests of attacks by unprivileged users in directories that they own.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, XattrFlags, fallocate};
use serde_json::{Value, json};

use crate::room::{PROGRAM, Room, directory, file, with};
use crate::stand::with_own_mounts;

pub const ADA: u32 = 1000;

/// Creates a test host (a room) with the users ada and bob, in which ada has a home directory.
pub fn room() -> Room {
    let room = Room::new();
    let passwd =
        room.read("/etc/passwd") + "ada:x:1000:1000::/home/ada:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n";
    let group = room.read("/etc/group") + "ada:x:1000:\nbob:x:1001:\n";
    room.write("/etc/passwd", &passwd);
    room.write("/etc/group", &group);
    fs::create_dir_all(room.path("/home/ada")).unwrap();
    give(&room, "/home/ada", ADA, 0o755);
    room
}

pub fn give(room: &Room, path: &str, uid: u32, mode: u32) {
    chown(room.path(path), Some(uid), Some(uid)).unwrap();
    room.chmod(path, mode);
}

pub fn of_ada(value: Value) -> Value {
    with(with(value, "owner", "ada"), "group", "ada")
}

/// Returns the owner and the mode of a path.
pub fn rights(room: &Room, path: &str) -> (u32, u32) {
    let found = room.path(path).symlink_metadata().unwrap();
    (found.uid(), found.mode() & 0o7777)
}

#[test]
fn a_file_that_changes_hands_is_another_one() {
    let room = room();
    let path = "/home/ada/tool";
    room.applied(&room.closure("1", &json!({ "files": [of_ada(file(path, Some("#!/bin/sh\n")))] })), "ok");
    // ada has a hard link to the file, and may have the file open. She must not keep access to a file with
    // the new owner and mode, so the apply replaces the file instead of changing it.
    fs::hard_link(room.path(path), room.path("/home/ada/mine")).unwrap();
    let inode = room.path(path).metadata().unwrap().ino();
    let roots = with(file(path, Some("#!/bin/sh\n")), "mode", "0755");
    let second = room.closure("2", &json!({ "files": [roots] }));
    assert_eq!(room.plan(&second)["steps"][0]["step"], "changeAccess");
    room.applied(&second, "ok");
    assert_eq!((rights(&room, path), rights(&room, "/home/ada/mine")), ((0, 0o755), (ADA, 0o644)));
    assert_ne!(room.path(path).metadata().unwrap().ino(), inode);
    // A rollback also leaves ada's hard link unchanged.
    room.run(&["rollback", "--to", "1"]);
    assert_eq!((rights(&room, path), rights(&room, "/home/ada/mine")), ((ADA, 0o644), (ADA, 0o644)));
}

#[test]
fn nothing_gets_a_set_id_bit_where_somebody_else_may_rename_it() {
    let room = room();
    let set_id = |path: &str| with(file(path, Some("x")), "mode", "4755");
    for (name, path) in [("1a", "/home/ada/su"), ("1b", "/home/ada/bin/su")] {
        let report = room.applied(&room.closure(name, &json!({ "files": [set_id(path)] })), "blocked");
        assert_eq!(report["problem"]["code"], "NF-410", "{report}");
        assert!(
            report["problem"]["why"].as_str().unwrap().contains("`ada` could rename the file"),
            "{report}"
        );
    }
    // The set-id file must not replace a file of ada in /tmp either, since she could rename the file and
    // create another one in its place.
    fs::create_dir_all(room.path("/tmp")).unwrap();
    room.chmod("/tmp", 0o1777);
    room.write("/tmp/su", "");
    give(&room, "/tmp/su", ADA, 0o644);
    let refused = json!({ "files": [with(set_id("/tmp/su"), "onConflict", "backup")] });
    let report = room.applied(&room.closure("1c", &refused), "blocked");
    assert_eq!(report["problem"]["code"], "NF-410", "{report}");
    assert!(report["problem"]["why"].as_str().unwrap().contains("`ada` could rename the file"), "{report}");
    // The set-id file is also refused if the same change creates its directory and gives the directory to
    // ada.
    let owned =
        json!({ "files": [set_id("/srv/a/su")], "directories": [of_ada(directory("/srv/a", "0755"))] });
    room.applied(&room.closure("2", &owned), "blocked");
    room.applied(&room.closure("3", &json!({ "files": [set_id("/usr/local/bin/su")] })), "ok");
    assert_eq!(rights(&room, "/usr/local/bin/su"), (0, 0o4755));
}

#[test]
fn a_directory_that_somebody_else_may_rename_changes_hands_only_when_it_is_empty() {
    let room = room();
    let path = "/home/ada/data";
    let declared = |value: Value| json!({ "directories": [value] });
    // The directory belongs to root, but ada may have moved it here. So the apply must not change the owner
    // and mode of the directory.
    fs::create_dir_all(room.path(path)).unwrap();
    room.write("/home/ada/data/secret", "x");
    give(&room, path, 0, 0o700);
    let adas = room.closure("1", &declared(of_ada(directory(path, "0755"))));
    let report = room.applied(&adas, "blocked");
    assert_eq!(report["problem"]["code"], "NF-410", "{report}");
    assert_eq!(rights(&room, path), (0, 0o700));
    let open = room.closure("2", &declared(directory(path, "0755")));
    assert_eq!(room.applied(&open, "blocked")["problem"]["code"], "NF-410");
    // If the directory is empty, the apply replaces it with a new directory.
    fs::remove_file(room.path("/home/ada/data/secret")).unwrap();
    let inode = room.path(path).metadata().unwrap().ino();
    room.applied(&adas, "ok");
    assert_eq!(rights(&room, path), (ADA, 0o755));
    assert_ne!(room.path(path).metadata().unwrap().ino(), inode);
    // The mode of a directory that belongs to ada may change, since she could change this mode herself.
    room.write("/home/ada/data/notes", "x");
    let closed = room.closure("3", &declared(of_ada(directory(path, "0700"))));
    room.applied(&closed, "ok");
    assert_eq!(rights(&room, path), (ADA, 0o700));
    // In a directory of root, even a directory with content can get a new owner.
    fs::create_dir_all(room.path("/srv/data/inside")).unwrap();
    room.applied(&room.closure("4", &declared(of_ada(directory("/srv/data", "0750")))), "ok");
    assert_eq!(rights(&room, "/srv/data"), (ADA, 0o750));
}

#[test]
fn what_somebody_makes_large_is_neither_read_nor_kept() {
    let room = room();
    let path = "/home/ada/notes";
    let sparse = File::create(room.path(path)).unwrap();
    sparse.set_len(15 << 40).unwrap_or_else(|_| sparse.set_len(1 << 40).unwrap());
    give(&room, path, ADA, 0o644);
    let declared = with(of_ada(file(path, Some("mine\n"))), "onConflict", "backup");
    let closure = room.closure("1", &json!({ "files": [declared, file("/etc/fix", Some("x"))] }));
    let began = Instant::now();
    let plan = room.plan(&closure);
    // The plan must refuse the file early: reading the whole file would take hours.
    assert!(began.elapsed() < Duration::from_secs(60));
    let problem = &plan["problems"][0];
    assert_eq!((&problem["code"], &problem["where"]), (&json!("NF-405"), &json!(path)), "{plan:#}");
    assert!(problem["why"].as_str().unwrap().contains("belongs to `ada`"), "{plan:#}");
    assert_eq!(room.applied(&closure, "blocked")["problem"]["where"], path);

    // A sparse file that is not too large is backed up as a sparse file.
    sparse.set_len(32 << 20).unwrap();
    sparse.write_at(b"middle", 16 << 20).unwrap();
    sparse.write_at(b"end", (32 << 20) - 3).unwrap();
    room.applied(&closure, "ok");
    let kept = fs::read_dir(room.path("/var/lib/nixfleet/originals")).unwrap().next().unwrap().unwrap();
    let kept = kept.path().join("content").metadata().unwrap();
    assert_eq!((kept.len(), kept.uid()), (32 << 20, ADA));
    assert!(kept.blocks() * 512 < 1 << 20, "{} blocks", kept.blocks());
}

/// An extended attribute that fits on the filesystem of the file can be too large for the filesystem of the
/// backups. The filesystem of the backups then fails with a "no space" error, although the disk is not full.
#[test]
fn an_attribute_too_large_to_be_backed_up_is_not_told_as_a_full_disk() {
    with_own_mounts("attackers::an_attribute_too_large_to_be_backed_up_is_not_told_as_a_full_disk", |_| {
        let room = room();
        let path = "/home/ada/notes";
        // Since Linux 6.6, tmpfs counts user extended attributes as inodes.
        for (place, options) in [("/home/ada", "size=1m"), ("/var/lib/nixfleet", "nr_inodes=48,mode=700")] {
            let place = room.path(place);
            fs::create_dir_all(&place).unwrap();
            let mount =
                Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place).status();
            assert!(mount.unwrap().success());
        }
        let theirs = room.path(path);
        fs::write(&theirs, "hers\n").unwrap();
        rustix::fs::setxattr(&theirs, "user.notes", &vec![b'x'; 60_000], XattrFlags::empty()).unwrap();
        let backup = with(file(path, Some("mine\n")), "onConflict", "backup");
        let closure = room.closure("1", &json!({ "files": [backup, file("/etc/fix", Some("x"))] }));
        let report = room.applied(&closure, "blocked");
        let problem = &report["problem"];
        assert_eq!((&problem["code"], &problem["where"]), (&json!("NF-405"), &json!(path)), "{report:#}");
        assert!(problem["help"].as_str().unwrap().contains(&format!("--force {path}")), "{report:#}");
        assert_eq!(problem["what"], format!("failed to back up {path}"), "{report:#}");
        let why = problem["why"].as_str().unwrap();
        assert!(why.contains("user.notes of 60000 bytes"), "{report:#}");
        let report = room.run(&["apply", "--json", "--closure", &closure, "--force", path]);
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        assert_eq!(report["outcome"], "partial", "{report:#}");
        assert_eq!((room.read(path).as_str(), room.read("/etc/fix").as_str()), ("hers\n", "x"));
    });
}

/// The copy of a sparse file keeps the holes of the file.
#[test]
fn a_copy_has_the_holes_of_what_it_is_a_copy_of() {
    let room = room();
    let path = "/etc/sparse";
    room.write(path, "");
    let sparse = File::options().write(true).open(room.path(path)).unwrap();
    sparse.set_len(64 << 20).unwrap();
    sparse.write_at(b"middle", 16 << 20).unwrap();
    fallocate(&sparse, FallocateFlags::empty(), 20 << 20, 4096).unwrap();
    drop(sparse);
    let content = fs::read(room.path(path)).unwrap();
    let source = room.path("/source");
    fs::write(&source, &content).unwrap();
    // The file already has the declared content and stays in place, so the backup of the original is a copy.
    let declared = with(with(file(path, None), "source", source.to_str().unwrap()), "onConflict", "backup");
    room.applied(&room.closure("1", &json!({ "files": [declared] })), "ok");
    let kept = fs::read_dir(room.path("/var/lib/nixfleet/originals")).unwrap().next().unwrap().unwrap();
    let kept = kept.path().join("content");
    assert_eq!(fs::read(&kept).unwrap(), content);
    assert!(kept.metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn one_path_that_somebody_holds_is_excluded_and_nothing_else() {
    let room = room();
    let path = "/home/ada/profile";
    let lists =
        |text: &str| json!({ "files": [of_ada(file(path, Some(text))), file("/etc/fix", Some(text))] });
    let first = room.closure("1", &lists("one\n"));
    room.applied(&first, "ok");
    // Put a pipe in place of the file.
    fs::remove_file(room.path(path)).unwrap();
    let pipe = Command::new("mkfifo").arg(room.path(path)).status().unwrap();
    assert!(pipe.success());
    let second = room.closure("2", &lists("two\n"));
    let report = room.applied(&second, "blocked");
    let problem = &report["problem"];
    assert_eq!(
        (&problem["where"], &problem["why"]),
        (&json!(path), &json!("a pipe of `root` exists there")),
        "{report}"
    );
    assert!(problem["help"].as_str().unwrap().contains(&format!("--force {path}")), "{report}");
    let plan = room.run(&["plan", "--json", "--closure", &second, "--force", path]);
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!((&plan["leftOut"][0]["subject"], &plan["problems"]), (&json!(path), &json!([])), "{plan:#}");
    let report = room.run(&["apply", "--json", "--closure", &second, "--force", path]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!((&report["outcome"], &report["reasonCode"]), (&json!("partial"), &json!("paths-left-out")));
    assert_eq!(room.read("/etc/fix"), "two\n");
    // The excluded path of ada is still recorded.
    let status = room.run(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["current"]["number"], 2);
    assert_eq!(status["drift"][0]["subject"], path, "{status:#}");
    assert_eq!(room.applied(&second, "blocked")["problem"]["where"], path);
    // When the pipe is removed, the path is managed again.
    fs::remove_file(room.path(path)).unwrap();
    room.applied(&second, "ok");
    assert_eq!((room.read(path).as_str(), rights(&room, path)), ("two\n", (ADA, 0o644)));
    let state = room.read("/var/lib/nixfleet/state.json");
    assert!(!state.contains("leftOut"), "{state}");
}

/// Returns intent lists with a directory of ada that contains a file, and a file of root.
fn lists(text: &str) -> Value {
    json!({
        "directories": [of_ada(directory("/home/ada/app", "0755"))],
        "files": [of_ada(file("/home/ada/app/a", Some(text))), file("/etc/fix", Some(text))],
    })
}

/// If a directory that other users can write to is excluded, all paths in it are excluded too and stay
/// recorded.
#[test]
fn a_directory_is_excluded_with_everything_in_it() {
    let room = room();
    room.applied(&room.closure("1", &lists("one\n")), "ok");
    room.chmod("/home/ada/app", 0o777);
    for (name, lists) in [("2", lists("two\n")), ("3", json!({ "files": [file("/etc/fix", Some("three"))] }))]
    {
        let closure = room.closure(name, &lists);
        let report = room.run(&["apply", "--json", "--closure", &closure, "--force", "/home/ada/app"]);
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        assert_eq!(report["outcome"], "partial", "{report:#}");
        assert_eq!(room.read("/home/ada/app/a"), "one\n");
    }
    room.chmod("/home/ada/app", 0o755);
    room.applied(&room.closure("4", &json!({ "files": [file("/etc/fix", Some("three"))] })), "ok");
    assert!(!room.path("/home/ada/app").exists());
}

/// Even if an excluded path matches its record again, the fast path must not treat the path as up to date.
#[test]
fn an_excluded_path_is_managed_again_when_its_way_is_free() {
    let room = room();
    room.applied(&room.closure("1", &lists("one\n")), "ok");
    room.chmod("/home/ada/app", 0o777);
    let second = room.closure("2", &lists("two\n"));
    let report = room.run(&["apply", "--json", "--closure", &second, "--force", "/home/ada/app"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["outcome"], "partial", "{report:#}");
    room.chmod("/home/ada/app", 0o755);
    assert_eq!(room.plan(&second)["steps"][0]["path"], "/home/ada/app/a");
    room.applied(&second, "ok");
    assert_eq!(room.read("/home/ada/app/a"), "two\n");
    room.applied(&second, "unchanged");
}

/// If another user blocks the way to a path, all other paths are still restored.
#[test]
fn who_bends_the_way_to_a_path_keeps_nothing_else_from_being_undone() {
    let ways = [
        "mv app kept && ln -s /etc app",
        "mv app kept && ln -s app app",
        "mv app kept && touch app",
        "mv app kept && mkfifo app",
        "mv app kept",
        "chmod 777 app",
        "chmod 777 .",
    ];
    for way in ways {
        for mode in ["0755", "0750"] {
            let room = room();
            let lists = |text: &str, mode: &str, command: Option<Value>| {
                let fix = file("/etc/fix", Some(text));
                let fix = command.into_iter().fold(fix, |fix, command| with(fix, "onChange", command));
                json!({
                    "directories": [of_ada(directory("/home/ada/app", mode))],
                    "files": [of_ada(file("/home/ada/app/a", Some(text))), fix],
                })
            };
            room.applied(&room.closure("1", &lists("one\n", "0755", None)), "ok");
            let script = format!("cd {} && {way}; exit 1", room.path("/home/ada").display());
            let bends = json!(["/bin/sh", "-c", script]);
            let report = room.applied(&room.closure("2", &lists("two\n", mode, Some(bends))), "rolled-back");
            assert_eq!(report["problem"]["code"], "NF-422", "{way}: {report:#}");
            assert_eq!(room.read("/etc/fix"), "one\n", "{way}");
            assert!(!room.path("/var/lib/nixfleet/journal.json").exists(), "{way}");
            // The next change succeeds, and the paths that could not be restored are excluded.
            let third = room.closure("3", &json!({ "files": [file("/etc/fix", Some("three\n"))] }));
            let report = room.run(&[
                "apply",
                "--json",
                "--closure",
                &third,
                "--force",
                "/home/ada,/home/ada/app,/home/ada/app/a",
            ]);
            let report: Value = serde_json::from_slice(&report.stdout).unwrap();
            assert!(["ok", "partial"].iter().any(|good| report["outcome"] == **good), "{way}: {report:#}");
            assert_eq!(room.read("/etc/fix"), "three\n", "{way}");
        }
    }
}

/// An access control list: the owner and bob can read and write, the group and others can read.
const LIST: &[u8] = &[
    2, 0, 0, 0, // version
    1, 0, 6, 0, 255, 255, 255, 255, // owner
    2, 0, 6, 0, 233, 3, 0, 0, // user 1001
    4, 0, 4, 0, 255, 255, 255, 255, // group
    16, 0, 6, 0, 255, 255, 255, 255, // mask
    32, 0, 4, 0, 255, 255, 255, 255, // others
];

#[test]
fn no_access_control_list_says_more_than_the_mode() {
    let room = room();
    let set = |path: &str, name: &std::ffi::CStr| {
        rustix::fs::setxattr(room.path(path), name, LIST, XattrFlags::empty()).unwrap();
    };
    let has = |path: &str, name: &std::ffi::CStr| {
        rustix::fs::getxattr(room.path(path), name, &mut [0_u8; 256][..]).is_ok()
    };
    let (access, default) = (c"system.posix_acl_access", c"system.posix_acl_default");
    // New files must not inherit the default list of the user's directory or of NixFleet's own directory.
    set("/home/ada", default);
    fs::create_dir_all(room.path("/var/lib/nixfleet")).unwrap();
    room.chmod("/var/lib/nixfleet", 0o700);
    set("/var/lib/nixfleet", default);
    let lists = json!({
        "files": [of_ada(with(file("/home/ada/a", Some("x")), "mode", "0640")), file("/etc/a", Some("x"))],
        "directories": [of_ada(directory("/home/ada/d", "0770"))],
    });
    let first = room.closure("1", &lists);
    room.applied(&first, "ok");
    for path in ["/home/ada/a", "/etc/a", "/home/ada/d"] {
        assert!(!has(path, access) && !has(path, default), "{path}");
    }
    // A list that was added manually is drift.
    set("/etc/a", access);
    let plan = room.plan(&first);
    assert_eq!(plan["drift"][0]["what"], "mode 0644 → 0664, access control list none → some", "{plan:#}");
    room.applied(&first, "ok");
    assert!(!has("/etc/a", access));
    room.applied(&first, "unchanged");
}

/// A plan ends when its output pipe is closed.
#[test]
fn a_plan_ends_with_the_reader_of_its_answer() {
    let room = room();
    let path = "/etc/endless";
    room.write(path, "");
    // There is no size limit for files of root, and reading this file would take days.
    let sparse = File::options().write(true).open(room.path(path)).unwrap();
    sparse.set_len(15 << 40).unwrap_or_else(|_| sparse.set_len(1 << 40).unwrap());
    let closure = room.closure("1", &json!({ "files": [file(path, Some("x"))] }));
    let mut plan = Command::new(PROGRAM)
        .args(["plan", "--json", "--closure", &closure, "--root"])
        .arg(room.path("/"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(plan.stdout.take());
    assert_eq!(plan.wait().unwrap().code(), Some(2));
}

#[test]
fn what_nixfleet_keeps_is_roots_alone() {
    let of_nixfleet = ["/var/lib/nixfleet", "/run/nixfleet"];
    let ways = [(ADA, 0o700), (0, 0o770), (0, 0o1777)];
    let cases = of_nixfleet.into_iter().flat_map(|path| ways.map(|(uid, mode)| (path, uid, mode)));
    for (path, uid, mode) in cases.chain([("/var/lib", ADA, 0o755)]) {
        let room = room();
        fs::create_dir_all(room.path("/var/lib/nixfleet")).unwrap();
        fs::create_dir_all(room.path(path)).unwrap();
        give(&room, path, uid, mode);
        assert_touches_nothing(&room, path);
        assert_eq!(fs::metadata(room.path(path)).unwrap().permissions().mode() & 0o7777, mode);
    }
    for path in of_nixfleet {
        let room = room();
        let link = room.path(path);
        fs::create_dir_all(room.path("/home/ada/theirs")).unwrap();
        fs::create_dir_all(room.path("/var/lib/nixfleet")).unwrap();
        fs::create_dir_all(&link).unwrap();
        fs::remove_dir(&link).unwrap();
        symlink(room.path("/home/ada/theirs"), &link).unwrap();
        assert_touches_nothing(&room, path);
        assert!(link.is_symlink());
    }
}

/// Checks that a plan and an apply refuse to use a directory of NixFleet at this path, and write nothing. Not
/// even the lock is written, since the owner of the directory could replace the lock by a link to any file.
#[track_caller]
fn assert_touches_nothing(room: &Room, path: &str) {
    let closure = room.closure("1", &json!({ "files": [file("/etc/a", Some("x"))] }));
    let kept = if path.starts_with("/var/lib") { "/var/lib/nixfleet" } else { path };
    let stands = || room.tree("/") + &room.tree(kept);
    let before = stands();
    let refusals =
        [room.plan(&closure)["problems"][0].take(), room.applied(&closure, "blocked")["problem"].take()];
    for refusal in refusals {
        assert_eq!((&refusal["code"], &refusal["where"]), (&json!("NF-410"), &json!(path)), "{refusal:#}");
        assert!(refusal["help"].as_str().unwrap().contains("only root can write"), "{refusal:#}");
    }
    assert_eq!(stands(), before);
}
