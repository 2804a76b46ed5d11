//! Tests of FUSE filesystems that users mount over managed paths.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::attackers::{ADA, give, of_ada, room};
use crate::room::{directory, file, with};
use crate::stand::with_own_mounts;

/// A user mounts a filesystem that never responds. The mount point belongs to the user, but the parent
/// directory of the mount point belongs to root.
#[test]
fn a_filesystem_on_what_is_theirs_in_a_place_of_roots_keeps_nothing_else_from_being_undone() {
    let test =
        "mounts::a_filesystem_on_what_is_theirs_in_a_place_of_roots_keeps_nothing_else_from_being_undone";
    with_own_mounts(test, |_| {
        for (place, kind) in [("/srv/app", 40000), ("/srv/new", 40000), ("/etc/app", 100_000)] {
            for options in ["", ",allow_other"] {
                let room = room();
                let lists = |text: &str, mode: &str, new: &[&str], command: Option<Value>| {
                    let fix = file("/etc/fix", Some(text));
                    let fix = command.into_iter().fold(fix, |fix, command| with(fix, "onChange", command));
                    let app = of_ada(directory("/srv/app", mode));
                    let new = new.iter().map(|path| of_ada(directory(path, "0755")));
                    json!({
                        "directories": std::iter::once(app).chain(new).collect::<Vec<_>>(),
                        "files": [of_ada(file("/etc/app", Some(text))), fix],
                    })
                };
                room.applied(&room.closure("1", &lists("one\n", "0755", &[], None)), "ok");
                let script = format!(
                    "exec 3<>/dev/fuse
                     mount -i -t fuse -o fd=3,rootmode={kind},user_id=1000,group_id=1000{options} hers {}
                     setsid sleep 20 >/dev/null 2>&1 </dev/null &
                     exit 1",
                    room.path(place).display()
                );
                let mounts = json!(["/bin/sh", "-c", script]);
                let second = room.closure("2", &lists("two\n", "0750", &["/srv/new"], Some(mounts)));
                let report = room.applied(&second, "rolled-back");
                assert_eq!(report["problem"]["code"], "NF-422", "{place}{options}: {report:#}");
                let mounted = room.path(place);
                let listed = fs::read_to_string("/proc/self/mountinfo").unwrap();
                assert!(listed.contains(&*mounted.to_string_lossy()), "{place}{options}: {report:#}");
                assert_eq!(room.read("/etc/fix"), "one\n", "{place}{options}");
                assert!(!room.path("/var/lib/nixfleet/journal.json").exists(), "{place}{options}");
                assert!(report.to_string().contains(&format!("{place} was not restored")), "{report:#}");
                // Unmount repeatedly: the command of the file ran again when the file was restored, and
                // mounted the filesystem a second time.
                let ends = "while umount --lazy \"$0\"; do :; done 2>/dev/null";
                Command::new("sh").args(["-c", ends]).arg(mounted).status().unwrap();
                room.applied(&room.closure("3", &lists("three\n", "0755", &[], None)), "ok");
            }
        }
    });
}

/// A user may mount a filesystem at a path after the path was inspected and before it is renamed.
#[test]
fn a_filesystem_that_comes_and_goes_keeps_nothing_else_from_being_old_or_new() {
    with_own_mounts(
        "mounts::a_filesystem_that_comes_and_goes_keeps_nothing_else_from_being_old_or_new",
        |_| {
            let room = room();
            let lists = |text: &str| {
                let files = [of_ada(file("/etc/app", Some(text))), file("/etc/fix", Some(text))];
                json!({ "files": files })
            };
            room.applied(&room.closure("0", &lists("0\n")), "ok");
            let script = "while :; do
                exec 3<>/dev/fuse
                mount -i -t fuse -o fd=3,rootmode=100000,user_id=1000,group_id=1000,allow_other hers \"$0\" &&
                    umount --lazy \"$0\"
                exec 3<&-
            done 2>/dev/null";
            let mut attack =
                Command::new("sh").args(["-c", script]).arg(room.path("/etc/app")).spawn().unwrap();
            let (mut stands, mut ends) = ("0\n".to_owned(), BTreeSet::new());
            for number in 1..=1000 {
                let text = format!("{number}\n");
                let closure = room.closure(&number.to_string(), &lists(&text));
                let report = room.run(&["apply", "--json", "--closure", &closure]);
                let report: Value = serde_json::from_slice(&report.stdout).unwrap();
                let outcome = report["outcome"].as_str().unwrap();
                match outcome {
                    "ok" => stands = text,
                    "blocked" | "rolled-back" => {}
                    _ => panic!("{report:#}"),
                }
                ends.insert(outcome.to_owned());
                assert_eq!(room.read("/etc/fix"), stands, "{report:#}");
                assert!(!room.path("/var/lib/nixfleet/journal.json").exists(), "{report:#}");
                if number >= 40 && ends.len() > 1 {
                    break;
                }
            }
            attack.kill().unwrap();
            attack.wait().unwrap();
            // The filesystem blocked at least one apply.
            assert!(ends.contains("blocked") || ends.contains("rolled-back"), "{ends:?}");
        },
    );
}

/// Returns a script that mounts a FUSE filesystem of ada at a path. The filesystem never responds.
fn mounts(place: &std::path::Path) -> String {
    format!(
        "exec 3<>/dev/fuse
         mount -i -t fuse -o fd=3,rootmode=40000,user_id=1000,group_id=1000,allow_other hers {}
         setsid sleep 20 >/dev/null 2>&1 </dev/null &\n",
        place.display()
    )
}

#[test]
fn what_a_command_leaves_beside_a_file_is_not_asked_for_anything() {
    with_own_mounts("mounts::what_a_command_leaves_beside_a_file_is_not_asked_for_anything", |_| {
        for place in ["app", "hers"] {
            let room = room();
            let at = room.path("/home/ada").join(place);
            let moves = "mv app kept; mkdir hers; ln -s hers app;";
            let moves = if place == "hers" { moves } else { "" };
            let script = format!("cd {}; {moves} {}", room.path("/home/ada").display(), mounts(&at));
            let own = with(
                of_ada(file("/home/ada/app/a", Some("one\n"))),
                "onChange",
                json!(["/bin/sh", "-c", script]),
            );
            let lists =
                json!({ "directories": [of_ada(directory("/home/ada/app", "0755"))], "files": [own] });
            let begun = Instant::now();
            room.applied(&room.closure("1", &lists), "ok");
            assert!(begun.elapsed() < Duration::from_secs(10), "{place}: {:?}", begun.elapsed());
            let listed = fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert!(listed.contains(&*at.to_string_lossy()), "{place}");
            assert!(Command::new("umount").arg("--lazy").arg(at).status().unwrap().success());
        }
    });
}

#[test]
fn no_home_is_looked_for_in_a_filesystem_of_a_user() {
    with_own_mounts("mounts::no_home_is_looked_for_in_a_filesystem_of_a_user", |_| {
        for (home, link) in [("/home/ada/web", None), ("/home/web", Some("ada"))] {
            let room = room();
            if let Some(target) = link {
                symlink(target, room.path(home)).unwrap();
            }
            let web = with(with(crate::accounts::user("web"), "home", home), "createHome", true);
            let closure = room.closure("1", &json!({ "users": [web] }));
            let script = mounts(&room.path("/home/ada"));
            assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
            let begun = Instant::now();
            let said = room.run(&["plan", "--json", "--closure", &closure]);
            assert!(begun.elapsed() < Duration::from_secs(10), "{home}: {:?}", begun.elapsed());
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.contains("FUSE"), "{home}: {said}");
            let at = room.path("/home/ada");
            assert!(Command::new("umount").arg("--lazy").arg(at).status().unwrap().success());
        }
    });
}

#[test]
fn the_fast_path_asks_nothing_of_a_filesystem_on_what_was_roots() {
    with_own_mounts("mounts::the_fast_path_asks_nothing_of_a_filesystem_on_what_was_roots", |_| {
        let room = room();
        let closure = room.closure("1", &json!({ "directories": [directory("/srv/app", "0755")] }));
        room.applied(&closure, "ok");
        // Change the owner manually, after the directory was declared.
        give(&room, "/srv/app", ADA, 0o755);
        let at = room.path("/srv/app");
        assert!(Command::new("sh").args(["-c", &mounts(&at)]).status().unwrap().success());
        let begun = Instant::now();
        let said = room.run(&["plan", "--json", "--closure", &closure]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(String::from_utf8_lossy(&said.stdout).contains("FUSE"));
        assert!(Command::new("umount").arg("--lazy").arg(at).status().unwrap().success());
    });
}
