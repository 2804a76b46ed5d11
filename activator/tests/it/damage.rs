//! Tests of damaged records (the state and the journal), concurrent changes of the host, a disk that cannot
//! be written to, and wrong timestamps. Nothing may be deleted, and each problem must be reported.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use nixfleet_activate::engine::apply::{TargetRef, apply};
use nixfleet_activate::host::{Host, lock};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::report::Report;
use serde_json::{Value, json};

use crate::ledger;
use crate::room::{Room, directory, file, with};
use crate::stand::{Stand, differences, with_own_mounts};

const HOME: &str = "/var/lib/nixfleet";
const STOPS: &str = "Unreadable or newer records: stop, delete nothing, say the repair";

fn run(host: &Host, closure: &str) -> Report {
    apply(host, &TargetRef::Closure(closure.to_owned()), None, lock::this_process("me", "apply"))
}

/// Returns all kinds of detectable damage to a record: truncated, partly zeroed, not a record, or with
/// another schema.
fn damages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let document: Value = serde_json::from_slice(bytes).unwrap();
    let lasting = bytes.trim_ascii_end().len();
    // The number of truncations is fixed, since the length of a record depends on process ids and inode
    // numbers.
    let mut damages: Vec<Vec<u8>> = (0..500).map(|part| bytes[..lasting * part / 500].to_vec()).collect();
    damages.push(vec![0; bytes.len()]);
    damages.extend(
        (1..8).map(|part| [&bytes[..lasting * part / 8], &vec![0; lasting - lasting * part / 8]].concat()),
    );
    damages.extend([b"null".to_vec(), b"[]".to_vec(), b"\xff\xfe".to_vec(), [bytes, bytes].concat()]);
    let other_schemas = [json!(0), json!(4), json!(4_000_000_000_u32), json!(-1), json!("1"), json!(null)];
    damages.extend(other_schemas.map(|schema| {
        let mut document = document.clone();
        document["schema"] = schema;
        document.to_string().into_bytes()
    }));
    for field in document.as_object().unwrap().keys() {
        let mut document = document.clone();
        document[field] = json!({ "something": ["else"] });
        damages.push(document.to_string().into_bytes());
    }
    damages
}

/// Returns a test host (a room) with one generation, and the closure of the next generation.
fn prepared() -> (Room, String) {
    let room = Room::new();
    room.write("/etc/original", "stood here\n");
    let original = with(file("/etc/original", Some("managed\n")), "onConflict", "backup");
    let files = json!([file("/etc/a", Some("1\n")), original]);
    room.applied(&room.closure("1", &json!({ "files": files })), "ok");
    let files = json!([file("/etc/a", Some("2\n")), file("/etc/new/b", Some("b\n"))]);
    let closure = room.closure("2", &json!({ "files": files }));
    (room, closure)
}

/// Returns the whole tree, including NixFleet's own files but not the lock.
fn everything(room: &Room) -> String {
    format!("{}{}", room.tree("/").replace("/var/lib/nixfleet", ""), room.tree(&format!("{HOME}/")))
        .lines()
        .filter(|line| !line.contains("/lock "))
        .collect::<Vec<_>>()
        .join("\n")
}

fn check_damages(room: &Room, closure: &str, record: &str, code: &str, test: &str) {
    let path = format!("{HOME}/{record}");
    let intact = fs::read(room.path(&path)).unwrap();
    let before = everything(room);
    let host = Host::open(&room.path("/")).unwrap();
    let damages = damages(&intact);
    let mut failures = Vec::new();
    for damage in &damages {
        fs::write(room.path(&path), damage).unwrap();
        let report = run(&host, closure);
        let problem = report.problem.as_ref();
        let stopped = !report.outcome.is_good()
            && problem.is_some_and(|problem| problem.code.as_str() == code && problem.help.is_some());
        let same = fs::read(room.path(&path)).unwrap() == *damage;
        if !stopped || !same {
            failures.push(format!("{}: {:?} {problem:?}", damage.escape_ascii(), report.outcome));
        }
    }
    fs::write(room.path(&path), intact).unwrap();
    // Restoring the record has changed the timestamps of its file, so leave this file out of the comparison.
    let untimed = |text: &str| {
        text.lines().filter(|line| !line.contains(record)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(untimed(&everything(room)), untimed(&before));
    ledger::record(STOPS, test, &format!("{} damages of {record}", damages.len()), &failures);
}

#[test]
fn a_damaged_state_stops_everything() {
    let (room, closure) = prepared();
    check_damages(&room, &closure, "state.json", "NF-404", "damage::a_damaged_state_stops_everything");
    room.applied(&closure, "ok");
}

#[test]
fn a_damaged_journal_stops_everything() {
    let (room, closure) = prepared();
    for change in (1..).step_by(7) {
        room.run_killed(&["apply", "--closure", &closure], change);
        if fs::read_to_string(room.path("/etc/a")).unwrap() == "2\n" {
            break;
        }
        assert!(change < 1000, "it never came to the middle of a swap");
    }
    let test = "damage::a_damaged_journal_stops_everything";
    check_damages(&room, &closure, "journal.json", "NF-412", test);
    room.applied(&closure, "ok");
}

#[test]
fn a_record_that_is_no_file_stops_everything() {
    for record in ["state.json", "journal.json"] {
        let (room, closure) = prepared();
        let _ = fs::remove_file(room.path(HOME).join(record));
        fs::create_dir(room.path(HOME).join(record)).unwrap();
        let report = room.apply(&closure);
        assert!(["blocked", "failed"].contains(&report["outcome"].as_str().unwrap()), "{report:#}");
        assert!(report["problem"]["help"].is_string(), "{report:#}");
        assert_eq!(room.read("/etc/a"), "1\n");
    }
}

/// Changes that another user makes on the host between staging and the swap, as pairs of a description and a
/// script.
const MEDDLINGS: [(&str, &str); 10] = [
    ("edited in place", "echo by hand >>$R/etc/a"),
    ("deleted", "rm $R/etc/a"),
    ("replaced", "echo by hand >$R/etc/.a; mv $R/etc/.a $R/etc/a"),
    ("replaced by a link", "rm $R/etc/a; ln -s /etc/passwd $R/etc/a"),
    ("replaced by a directory", "rm $R/etc/a; mkdir $R/etc/a; echo x >$R/etc/a/x"),
    ("opened to all", "chmod 0666 $R/etc/a"),
    ("already there where it should be new", "mkdir $R/etc/new; echo by hand >$R/etc/new/b"),
    ("a link where a directory should be new", "ln -s /opt $R/etc/new"),
    ("its directory replaced by a link", "mv $R/srv/d $R/srv/real; ln -s real $R/srv/d"),
    ("the original edited", "echo by hand >>$R/etc/original"),
];

#[test]
fn what_changes_between_plan_and_commit_is_neither_overwritten_nor_lost() {
    let mut failures = Vec::new();
    for (name, script) in MEDDLINGS {
        let room = Room::new();
        room.write("/etc/original", "stood here\n");
        room.write("/srv/d/f", "stood here\n");
        let first =
            json!([file("/etc/a", Some("1\n")), with(file("/srv/d/f", Some("1\n")), "onConflict", "backup")]);
        room.applied(&room.closure("1", &json!({ "files": first })), "ok");
        // The validation command runs when all new content is staged and nothing is swapped in yet.
        let here = room.path("/").to_str().unwrap().trim_end_matches('/').to_owned();
        let script = format!("R={here}; {script}; test -e %s");
        let second = json!([
            with(file("/etc/0", Some("0\n")), "validate", json!(["sh", "-ec", script])),
            file("/etc/a", Some("2\n")),
            file("/etc/new/b", Some("b\n")),
            file("/srv/d/f", Some("2\n")),
            with(file("/etc/original", Some("managed\n")), "onConflict", "backup"),
        ]);
        let closure = room.closure("2", &json!({ "files": second }));
        let before = room.tree("/");
        let report = room.apply(&closure);
        let after = room.tree("/");
        // Compare the trees of the host from before and after the run.
        let lines = |tree: &str| tree.lines().map(str::to_owned).collect::<Vec<_>>();
        let gone: Vec<_> = lines(&before).into_iter().filter(|line| !lines(&after).contains(line)).collect();
        let come: Vec<_> = lines(&after).into_iter().filter(|line| !lines(&before).contains(line)).collect();
        let why = report["problem"]["code"].as_str().unwrap_or_default();
        let refused = ["blocked", "rolled-back"].contains(&report["outcome"].as_str().unwrap_or_default())
            && ["NF-403", "NF-410"].contains(&why);
        let ours = |lines: &[String]| {
            lines.iter().any(|line| {
                ["\"2\\n\"", "\"b\\n\"", "\"0\\n\"", "managed"].iter().any(|text| line.contains(text))
            })
        };
        let nothing_done =
            !ours(&come) && gone.len() <= 2 && !room.path(&format!("{HOME}/journal.json")).exists();
        if !refused || !nothing_done {
            failures.push(format!("{name}: {report:#}\ngone {gone:#?}\ncome {come:#?}"));
        }
    }
    ledger::record(
        "What changes between plan and commit is neither overwritten nor lost",
        "damage::what_changes_between_plan_and_commit_is_neither_overwritten_nor_lost",
        &format!("{} ways to meddle", MEDDLINGS.len()),
        &failures,
    );
}

fn read_only(stand: &Stand, path: &str, on: bool) {
    let path = stand.path(path);
    let sh = |script: &str| {
        let status = Command::new("sh").args(["-ec", script, "sh"]).arg(&path).status().unwrap();
        assert!(status.success(), "{script}");
    };
    if on {
        sh("mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"");
    } else {
        sh("umount \"$1\"");
    }
}

#[test]
fn a_read_only_directory_stops_an_apply_before_anything_is_touched() {
    let test = "damage::a_read_only_directory_stops_an_apply_before_anything_is_touched";
    with_own_mounts(test, |stand| {
        stand.install();
        let lists = |text: &str| {
            json!({
                "directories": [directory("/opt/d", "0755")],
                "files": [file("/etc/a", Some(text)), file("/srv/b", Some(text)), file("/var/c", Some(text))],
            })
        };
        let [one, two] = ["1", "2"].map(|text| stand.closure(text, &lists(text)));
        stand.apply(&one);
        stand.save("one");
        let mut failures = Vec::new();
        let places = ["/etc", "/srv", "/var", "/nix", "/var/lib/nixfleet"];
        for place in places {
            stand.load("one");
            let before = stand.tree();
            read_only(stand, place, true);
            let output = stand.run(&["apply", "--closure", &two], None);
            read_only(stand, place, false);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let different = differences(&stand.tree(), &before);
            if report["outcome"] != "blocked"
                || !different.is_empty()
                || !report["problem"]["why"].to_string().contains("Read-only")
            {
                failures.push(format!("{place}: {report:#} {different:#?}"));
            }
            stand.apply(&two);
        }
        let tried = format!("{} places, read-only one by one", places.len());
        ledger::record("All or nothing", test, &tried, &failures);
    });
}

#[test]
fn an_edit_right_after_an_apply_is_seen_whatever_the_times_say() {
    const ROUNDS: usize = 200;
    let room = Room::new();
    let host = Host::open(&room.path("/")).unwrap();
    let closures =
        ["one", "two"].map(|text| room.closure(text, &json!({ "files": [file("/etc/a", Some(text))] })));
    let mut failures = Vec::new();
    for round in 0..ROUNDS {
        let report = run(&host, &closures[round % 2]);
        assert_eq!(report.outcome, Outcome::Ok, "{:?}", report.problem);
        let path = room.path("/etc/a");
        let times = fs::metadata(&path).unwrap();
        // Change only the content: inode, size and modification time stay the same.
        fs::write(&path, "ham").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(times.modified().unwrap()).unwrap();
        let drift = nixfleet_activate::engine::status::status(&host).unwrap().drift;
        if drift.len() != 1 {
            failures.push(format!("round {round}: {drift:?}"));
        }
    }
    ledger::record(
        "Nothing hand-edited is overwritten without saying so",
        "damage::an_edit_right_after_an_apply_is_seen_whatever_the_times_say",
        &format!("{ROUNDS} edits of the same length in the moment after an apply"),
        &failures,
    );
}

#[test]
fn files_from_the_future_and_a_clock_that_went_back_change_nothing() {
    let room = Room::new();
    let closure = room.closure("1", &json!({ "files": [file("/etc/a", Some("one"))] }));
    room.applied(&closure, "ok");
    // Write a lock and a file with timestamps in the future.
    let holder = json!({ "who": "me@there", "command": "apply", "pid": 1, "since": 9_000_000_000_u64 });
    room.write(&format!("{HOME}/lock"), &holder.to_string());
    let future = std::time::UNIX_EPOCH + std::time::Duration::from_secs(9_000_000_000);
    fs::File::options().write(true).open(room.path("/etc/a")).unwrap().set_modified(future).unwrap();
    room.applied(&closure, "unchanged");
    // If the recorded timestamps are in the future, a file with the same timestamps must be read again.
    let record = room.path(&format!("{HOME}/state.json"));
    let mut state: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let found = std::os::unix::fs::MetadataExt::ino(&fs::metadata(room.path("/etc/a")).unwrap());
    let ahead = 9_000_000_000_000_000_000_i64;
    state["paths"]["/etc/a"]["stat"] = json!({ "ino": found, "size": 3, "mtime": ahead, "ctime": ahead });
    fs::write(&record, state.to_string()).unwrap();
    fs::write(room.path("/etc/a"), "two").unwrap();
    fs::File::options().write(true).open(room.path("/etc/a")).unwrap().set_modified(future).unwrap();
    let report = room.applied(&closure, "ok");
    assert_eq!(room.read("/etc/a"), "one", "{report:#}");
    assert_eq!(report["kept"].as_array().unwrap().len(), 1);
    room.chmod("/etc/a", 0o644);
    assert_eq!(fs::metadata(room.path("/etc/a")).unwrap().permissions().mode() & 0o777, 0o644);
    room.applied(&closure, "unchanged");
}
