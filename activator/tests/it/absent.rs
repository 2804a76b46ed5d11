//! Tests of paths declared as absent: existing files and directories are removed, backed up and restored.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rustix::fs::XattrFlags;
use serde_json::{Value, json};

use crate::attackers::{ADA, give, room};
use crate::health::command;
use crate::room::{Room, absent, build, directory, empty_intent, file, link, with};
use crate::stand::with_own_mounts;
use crate::upkeep::{answer, drops};

const PATH: &str = "/etc/motd.d/10-help";

fn recursive(path: &str) -> Value {
    with(absent(path), "recursive", true)
}

fn without(room: &Room, name: &str, entries: &[Value]) -> String {
    room.closure(name, &json!({ "absent": entries }))
}

fn nothing(room: &Room) -> String {
    room.closure("nothing", &json!({}))
}

#[test]
fn a_file_goes_and_comes_back_exactly_as_it_was() {
    let room = room();
    room.write(PATH, "help\n");
    give(&room, PATH, ADA, 0o604);
    rustix::fs::setxattr(room.path(PATH), c"user.note", b"x", XattrFlags::empty()).unwrap();
    let before = (room.tree("/etc/motd.d"), room.path(PATH).metadata().unwrap().ino());
    let first = without(&room, "1", &[absent(PATH)]);
    let plan = room.plan_text(&first);
    let expected =
        format!("- {PATH}  the original is backed up, and restored when the path is no longer managed\n");
    assert!(plan.contains(&expected), "{plan}");
    room.applied(&first, "ok");
    assert!(!room.path(PATH).exists());
    room.applied(&first, "unchanged");
    assert!(room.inspect().contains(&format!("{PATH}: nothing, its original is at")), "{}", room.inspect());
    room.applied(&nothing(&room), "ok");
    let after = (room.tree("/etc/motd.d"), room.path(PATH).metadata().unwrap().ino());
    assert_eq!(after, before);
    assert_eq!(room.path(PATH).metadata().unwrap().uid(), ADA);
    let mut note = [0; 8];
    assert_eq!(rustix::fs::getxattr(room.path(PATH), c"user.note", &mut note[..]), Ok(1));
    assert!(!room.path("/var/lib/nixfleet/originals").read_dir().unwrap().any(|_| true));
}

#[test]
fn what_stands_there_is_refused_kept_or_taken_for_good() {
    let room = Room::new();
    room.write(PATH, "help\n");
    let before = room.tree("/etc");
    let on_conflict = |to: &str| with(absent(PATH), "onConflict", to);
    let report = room.applied(&without(&room, "1", &[on_conflict("fail")]), "blocked");
    assert_eq!(report["problem"]["code"], "NF-402");
    let help = report["problem"]["help"].as_str().unwrap();
    assert!(help.contains(r#"nixfleet.absent."/etc/motd.d/10-help".onConflict = "backup""#), "{help}");
    assert_eq!(room.tree("/etc"), before);
    let report = room.applied(&without(&room, "2", &[on_conflict("adopt")]), "ok");
    assert_eq!(room.read(report["kept"][0].as_str().unwrap()), "help\n");
    room.applied(&nothing(&room), "ok");
    assert!(!room.path(PATH).exists(), "it was taken for good");
}

#[test]
fn where_nothing_stands_nothing_is_done_and_nothing_is_made_later() {
    let room = Room::new();
    let deep = "/opt/none/deep/file";
    let first = without(&room, "1", &[absent(PATH), recursive(deep)]);
    let plan = room.plan_text(&first);
    assert!(plan.contains(&format!("= {deep}  already matches its declaration")), "{plan}");
    let outside = |room: &Room| {
        let tree = room.tree("/");
        let own = |line: &&str| !line.starts_with("/nix") && !line.starts_with("/var/lib/nixfleet");
        tree.lines().filter(own).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = outside(&room);
    room.applied(&first, "ok");
    assert_eq!(outside(&room), before);
    room.applied(&first, "unchanged");
    let end = nothing(&room);
    let plan = room.plan_text(&end);
    assert!(
        plan.contains(&format!(
            "= {deep}  left alone: it does not exist, and there is no original to restore"
        )),
        "{plan}"
    );
    room.applied(&end, "ok");
    assert_eq!(outside(&room), before);
}

#[test]
fn nothing_stands_below_a_file_and_below_a_link_that_goes() {
    let room = Room::new();
    room.write("/srv/theirs", "x");
    let lists = json!({ "files": [file("/srv/file", Some("x"))], "links": [link("/srv/link", "/etc")] });
    room.applied(&room.closure("1", &lists), "ok");
    let below = ["/srv/theirs/a", "/srv/file/a/b", "/srv/link/passwd"];
    let second = without(&room, "2", &below.map(absent));
    room.applied(&second, "ok");
    room.applied(&second, "unchanged");
    assert_eq!((room.read("/srv/theirs").as_str(), room.tree("/srv").lines().count()), ("x", 1));
    assert!(room.path("/etc/passwd").is_file());
    assert_eq!(room.rollback("1")["outcome"], "ok");
    assert_eq!(room.read("/srv/file"), "x");
}

#[test]
fn a_link_goes_and_not_what_it_points_at_and_other_names_of_a_file_stay() {
    let room = Room::new();
    room.write("/srv/target", "target\n");
    room.write("/srv/one", "two names\n");
    fs::hard_link(room.path("/srv/one"), room.path("/srv/other")).unwrap();
    symlink("/srv/target", room.path("/srv/link")).unwrap();
    symlink("nowhere", room.path("/srv/dangling")).unwrap();
    fs::create_dir(room.path("/srv/directory")).unwrap();
    symlink("directory", room.path("/srv/to-directory")).unwrap();
    let before = room.tree("/srv");
    let paths = ["/srv/link", "/srv/dangling", "/srv/to-directory", "/srv/one"];
    room.applied(&without(&room, "1", &paths.map(absent)), "ok");
    let left = room.tree("/srv");
    assert_eq!(left.lines().count(), 3, "{left}");
    assert_eq!(
        (room.read("/srv/target"), room.read("/srv/other")),
        ("target\n".into(), "two names\n".into())
    );
    room.applied(&nothing(&room), "ok");
    assert_eq!(room.tree("/srv"), before);
    let inode = |path: &str| room.path(path).metadata().unwrap().ino();
    assert_eq!(inode("/srv/one"), inode("/srv/other"));
}

/// Fills the test host with a directory whose contents cannot all be copied: it includes a hard link and a
/// socket.
fn full(room: &Room) {
    room.write("/srv/app/deep/file", "deep\n");
    room.write("/srv/app/one", "one\n");
    fs::hard_link(room.path("/srv/app/one"), room.path("/srv/app/other")).unwrap();
    symlink("/etc/passwd", room.path("/srv/app/link")).unwrap();
    UnixListener::bind(room.path("/srv/app/socket")).unwrap();
    room.chmod("/srv/app", 0o711);
}

#[test]
fn a_directory_goes_with_its_content_only_where_that_is_said() {
    let room = Room::new();
    full(&room);
    let before = room.tree("/srv");
    let report = room.applied(&without(&room, "1", &[absent("/srv/app")]), "blocked");
    let problem = report["problem"].to_string();
    assert_eq!(report["problem"]["code"], "NF-402");
    assert!(
        problem.contains("the directory is not empty: /srv/app/deep is not managed by NixFleet"),
        "{problem}"
    );
    assert!(report["problem"]["help"].as_str().unwrap().contains("recursive = true"), "{problem}");
    assert_eq!(room.tree("/srv"), before);

    let second = without(&room, "2", &[recursive("/srv/app")]);
    let plan = room.plan_text(&second);
    let expected = "- /srv/app/  with its content  the original is backed up, and restored when the path is \
                    no longer managed\n";
    assert!(plan.contains(expected), "{plan}");
    let inode = |path: &str| room.path(path).symlink_metadata().unwrap().ino();
    let inodes = ["/srv/app", "/srv/app/one", "/srv/app/other", "/srv/app/socket"].map(inode);
    room.applied(&second, "ok");
    assert!(!room.path("/srv/app").exists());
    assert_eq!(room.path("/var/lib/nixfleet/tx").read_dir().unwrap().count(), 0, "it is no slot any more");
    room.applied(&second, "unchanged");
    room.applied(&nothing(&room), "ok");
    assert_eq!(room.tree("/srv"), before);
    assert_eq!(["/srv/app", "/srv/app/one", "/srv/app/other", "/srv/app/socket"].map(inode), inodes);
    assert_eq!(room.path("/var/lib/nixfleet/originals").read_dir().unwrap().count(), 0);
}

#[test]
fn an_empty_directory_needs_no_more_words() {
    let room = Room::new();
    fs::create_dir_all(room.path("/srv/empty")).unwrap();
    room.chmod("/srv/empty", 0o2750);
    let before = room.tree("/srv");
    room.applied(&without(&room, "1", &[absent("/srv/empty")]), "ok");
    assert_eq!(room.tree("/srv"), "");
    room.applied(&nothing(&room), "ok");
    assert_eq!(room.tree("/srv"), before);
}

/// Returns intent lists that make an apply fail after the absent paths have been removed.
fn failures() -> [(&'static str, Value); 2] {
    let fails = with(file("/etc/late", Some("x")), "onChange", json!(["/bin/false"]));
    [
        ("a command of a changed file fails", json!({ "files": [fails] })),
        ("a health check fails", json!({ "healthChecks": [command("word", "exit 1", "rollback")] })),
    ]
}

#[test]
fn what_was_taken_away_is_back_after_a_failure_and_after_a_rollback() {
    for (name, mut lists) in failures() {
        let room = Room::new();
        room.write(PATH, "help\n");
        full(&room);
        let before = (room.tree("/etc"), room.tree("/srv"));
        room.applied(&room.closure("base", &json!({})), "ok");
        lists["absent"] = json!([absent(PATH), recursive("/srv/app")]);
        room.applied(&room.closure("bad", &lists), "rolled-back");
        assert_eq!((room.tree("/etc"), room.tree("/srv")), before, "{name}");
        // After a failed change that no longer declares the absent paths, the undo must remove these paths
        // again.
        room.applied(&without(&room, "good", &[absent(PATH), recursive("/srv/app")]), "ok");
        let gone = (room.tree("/etc"), room.tree("/srv"));
        lists["absent"] = json!([]);
        room.applied(&room.closure("bad-again", &lists), "rolled-back");
        assert_eq!((room.tree("/etc"), room.tree("/srv")), gone, "{name}");
        assert_eq!(room.rollback("1")["outcome"], "ok");
        assert_eq!((room.tree("/etc"), room.tree("/srv")), before, "{name}");
        assert_eq!(room.rollback("2")["outcome"], "ok");
        assert_eq!((room.tree("/etc"), room.tree("/srv")), gone, "{name}");
    }
}

#[test]
fn what_comes_back_by_itself_is_drift_and_goes_again_and_the_first_backup_stays() {
    let room = Room::new();
    room.write(PATH, "first\n");
    full(&room);
    let before = room.tree("/srv");
    let first = without(&room, "1", &[absent(PATH), recursive("/srv/app")]);
    room.applied(&first, "ok");
    for round in 1..=2 {
        room.write(PATH, &format!("package {round}\n"));
        room.write("/srv/app/again", &format!("package {round}\n"));
        let drift = room.status()["drift"].clone();
        let expected = json!([
            { "subject": PATH, "what": "should be absent, but is a file" },
            { "subject": "/srv/app", "what": "should be absent, but is a directory" },
        ]);
        assert_eq!(drift, expected);
        let plan = room.plan_text(&first);
        assert!(plan.contains(&format!("- {PATH}  not managed until now: a backup is made\n")), "{plan}");
        let report = room.applied(&first, "ok");
        assert!(!room.path(PATH).exists() && !room.path("/srv/app").exists());
        let [kept, directory] = [0, 1].map(|index| report["kept"][index].as_str().unwrap());
        let copies = [room.read(kept), room.read(&format!("{directory}/again"))];
        assert_eq!(copies, [(); 2].map(|()| format!("package {round}\n")), "{report}");
    }
    room.applied(&nothing(&room), "ok");
    assert_eq!((room.read(PATH), room.tree("/srv")), ("first\n".to_owned(), before));
}

#[test]
fn what_somebody_put_there_makes_way_for_an_original_but_a_directory_does_not() {
    let room = Room::new();
    room.write(PATH, "first\n");
    room.write("/srv/file", "first\n");
    full(&room);
    let entries = [absent(PATH), absent("/srv/file"), recursive("/srv/app")];
    room.applied(&without(&room, "1", &entries), "ok");
    room.write(PATH, "second\n");
    room.write("/srv/app", "a file now\n");
    fs::create_dir(room.path("/srv/file")).unwrap();
    let report = room.applied(&nothing(&room), "ok");
    let kept: Vec<String> =
        report["kept"].as_array().unwrap().iter().map(|path| room.read(path.as_str().unwrap())).collect();
    assert_eq!(kept, ["second\n", "a file now\n"]);
    assert_eq!((room.read(PATH), room.read("/srv/app/one")), ("first\n".into(), "one\n".into()));
    assert!(room.path("/srv/file").is_dir());
    let list = answer(&room, &["backups", "list"]);
    let left = list["backups"].as_array().unwrap().iter().find(|backup| backup["path"] == "/srv/file");
    assert_eq!(left.map(|backup| room.read(backup["place"].as_str().unwrap())).as_deref(), Some("first\n"));
}

#[test]
fn what_was_managed_goes_without_a_word_and_its_original_comes_back_in_the_end() {
    let room = Room::new();
    room.write("/srv/app/conf", "theirs\n");
    room.write("/srv/app/data", "theirs too\n");
    let before = room.tree("/srv");
    let conf = with(file("/srv/app/conf", Some("ours\n")), "onConflict", "backup");
    let lists =
        json!({ "files": [conf, file("/opt/own/a", Some("x"))], "links": [link("/opt/link", "own")] });
    let first = room.closure("1", &lists);
    room.applied(&first, "ok");
    let own = ["/srv/app/conf", "/opt/own", "/opt/link"];
    let second = without(&room, "2", &own.map(absent));
    let plan = room.plan_text(&second);
    assert!(plan.contains("- /srv/app/conf\n") && plan.contains("- /opt/own  a directory\n"), "{plan}");
    room.applied(&second, "ok");
    assert!(own.iter().all(|path| room.path(path).symlink_metadata().is_err()));
    assert_eq!(room.rollback("1")["outcome"], "ok");
    assert_eq!((room.read("/srv/app/conf"), room.read("/opt/link/a")), ("ours\n".into(), "x".into()));
    // Remove /srv/app recursively, including the managed file in it. The original of that file must be
    // restored when nothing is declared any more.
    room.applied(&without(&room, "3", &[recursive("/srv/app")]), "ok");
    assert!(!room.path("/srv/app").exists());
    let problem = room.plan(&first)["problems"][0].clone();
    assert_eq!((&problem["code"], &problem["where"]), (&json!("NF-402"), &json!("/srv/app/conf")));
    assert!(
        problem["what"].as_str().unwrap().contains("until the removed directory /srv/app is restored"),
        "{problem}"
    );
    room.applied(&nothing(&room), "ok");
    assert_eq!(room.tree("/srv"), before);
    room.applied(&first, "ok");
}

#[test]
fn a_declared_directory_that_was_there_before_comes_back_with_its_content() {
    let room = Room::new();
    room.write("/srv/data/theirs", "x");
    room.chmod("/srv/data", 0o700);
    let before = room.tree("/srv");
    let first = room.closure("1", &json!({ "directories": [directory("/srv/data", "0755")] }));
    room.applied(&first, "ok");
    room.applied(&without(&room, "2", &[recursive("/srv/data")]), "ok");
    assert_eq!(room.tree("/srv"), "");
    let plan = room.plan(&first);
    assert!(plan["problems"][0]["what"].as_str().unwrap().contains("until the removed directory"), "{plan}");
    room.applied(&nothing(&room), "ok");
    assert_eq!(room.tree("/srv"), before.replace("40700", "40755"));
}

#[test]
fn where_others_may_write_nothing_is_taken_away() {
    let room = room();
    room.write("/srv/open/file", "x");
    room.chmod("/srv/open", 0o777);
    symlink("/etc", room.path("/srv/way")).unwrap();
    let before = room.tree("/srv");
    for (name, path) in [("1", "/srv/open/file"), ("2", "/srv/way/passwd.bak")] {
        let report = room.applied(&without(&room, name, &[recursive(path)]), "blocked");
        assert_eq!(report["problem"]["code"], "NF-410", "{report}");
        assert!(report["problem"]["help"].as_str().unwrap().contains("--force /srv/"), "{report}");
    }
    assert_eq!(room.tree("/srv"), before);
}

#[test]
fn a_pipe_has_no_backup_and_stays() {
    let room = Room::new();
    fs::create_dir_all(room.path("/srv")).unwrap();
    assert!(Command::new("mkfifo").arg(room.path("/srv/pipe")).status().unwrap().success());
    let report = room.applied(&without(&room, "1", &[recursive("/srv/pipe")]), "blocked");
    assert_eq!(report["problem"]["code"], "NF-402");
    assert!(report["problem"]["why"].as_str().unwrap().contains("which cannot be backed up"), "{report}");
}

#[test]
fn a_directory_that_cannot_be_moved_is_refused_in_the_plan() {
    let test = "absent::a_directory_that_cannot_be_moved_is_refused_in_the_plan";
    with_own_mounts(test, |stand| {
        stand.install();
        // The test host has a separate filesystem at /srv.
        stand.write("/srv/app/file", "x", 0o644);
        stand.write("/srv/file", "x", 0o644);
        stand.write("/opt/app/inside/file", "x", 0o644);
        let mount = |at: &Path| Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(at).status();
        assert!(mount(&stand.path("/opt/app/inside")).unwrap().success());
        let closure = |name: &str, entries: &[Value]| stand.closure(name, &json!({ "absent": entries }));
        let before = stand.tree();
        for (name, path, why) in [
            ("1", "/srv/app", "not on the same filesystem as /var/lib/nixfleet"),
            ("2", "/opt/app", "a filesystem is mounted in the directory"),
        ] {
            let closure = closure(name, &[recursive(path)]);
            let output = stand.run(&["apply", "--closure", &closure], None);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((&report["outcome"], &report["problem"]["where"]), (&json!("blocked"), &json!(path)));
            assert!(report["problem"]["why"].as_str().unwrap().contains(why), "{report}");
        }
        assert_eq!(stand.tree(), before);
        // Unlike a directory, a file can be backed up to another filesystem. So the apply that removes
        // /srv/file succeeds.
        stand.apply(&closure("3", &[absent("/srv/file")]));
        assert!(!stand.path("/srv/file").exists());
        stand.apply(&closure("4", &[]));
        assert_eq!(fs::read_to_string(stand.path("/srv/file")).unwrap(), "x");
    });
}

#[test]
fn a_directory_in_the_backups_is_listed_and_can_be_dropped() {
    let room = Room::new();
    full(&room);
    room.applied(&without(&room, "1", &[recursive("/srv/app")]), "ok");
    let list = || answer(&room, &["backups", "list"]);
    let listed = list();
    let backup = listed["backups"][0].clone();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 1, "{listed}");
    let facts = ["path", "directory", "needed"].map(|field| backup[field].clone());
    assert_eq!(facts, [json!("/srv/app"), json!(true), json!(true)], "{backup}");
    let shown = room.run(&["backups", "show", "--path", "/srv/app"]);
    assert!(
        String::from_utf8_lossy(&shown.stderr).contains("a directory, and a directory cannot be shown"),
        "{shown:?}"
    );
    let report = drops(&room, &listed["backups"]);
    assert_eq!((&report["outcome"], &list()["backups"]), (&json!("ok"), &json!([])), "{report}");
    room.applied(&nothing(&room), "ok");
    assert!(!room.path("/srv/app").exists(), "there is nothing left that could come back");
}

#[test]
fn a_directory_of_a_user_is_one_backup_and_is_not_looked_into() {
    let room = room();
    let make = |text: &str| {
        room.write("/home/ada/app/notes", text);
        give(&room, "/home/ada/app", ADA, 0o750);
    };
    make("first\n");
    let before = room.tree("/home");
    let first = without(&room, "1", &[recursive("/home/ada/app")]);
    room.applied(&first, "ok");
    make("second\n");
    room.applied(&first, "ok");
    let list = answer(&room, &["backups", "list"]);
    let facts = |backup: &Value| ["kind", "path", "directory", "size"].map(|field| backup[field].to_string());
    let mut listed: Vec<_> = list["backups"].as_array().unwrap().iter().map(facts).collect();
    listed.sort();
    let of = |kind| [kind, "\"/home/ada/app\"", "true", "0"].map(str::to_owned);
    assert_eq!(listed, [of("\"hand-edit\""), of("\"original\"")], "{list}");
    room.applied(&nothing(&room), "ok");
    assert_eq!(room.tree("/home"), before);
    assert_eq!(room.path("/home/ada/app").metadata().unwrap().uid(), ADA);
    let report = drops(&room, &answer(&room, &["backups", "list"])["backups"]);
    assert_eq!(report["outcome"], "ok", "{report}");
    assert_eq!(answer(&room, &["backups", "list"])["backups"], json!([]));
}

#[test]
fn the_build_refuses_what_the_host_could_never_do_without() {
    let refusal = |lists: &Value| {
        let mut intent = empty_intent();
        for (list, value) in lists.as_object().unwrap() {
            intent[list] = value.clone();
        }
        let directory = tempfile::tempdir().unwrap();
        let output = build(&intent, directory.path());
        assert!(!output.status.success(), "{lists}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (path, why) in [
        ("/etc", "/etc cannot be declared as absent: it contains /etc/passwd"),
        ("/etc/ssh", "/etc/ssh cannot be declared as absent: it contains /etc/ssh/ssh_host_dsa_key"),
        ("/etc/shadow", "/etc/shadow cannot be managed"),
        ("/bin", "/bin cannot be declared as absent: it is directly below /"),
        ("/nix/store", "is below /nix"),
    ] {
        let said = refusal(&json!({ "absent": [recursive(path)] }));
        assert!(said.contains(why), "{said}");
    }
    let said = refusal(&json!({ "absent": [absent("/srv/a")], "files": [file("/srv/a/b", Some("x"))] }));
    assert!(said.contains("/srv/a is declared as absent, so /srv/a/b cannot be declared in it"), "{said}");
    let said = refusal(&json!({ "absent": [absent("/srv/a")], "links": [link("/srv/a", "b")] }));
    assert!(said.contains("/srv/a is declared twice"), "{said}");
}
