//! Tests of interrupted runs: the next run brings the host to exactly the old or exactly the new generation.

use nixfleet_activate::engine::apply::{TargetRef, apply};
use nixfleet_activate::engine::family::paths::stage;
use nixfleet_activate::engine::health::May;
use nixfleet_activate::engine::plan::planner;
use nixfleet_activate::engine::plan::target::TargetClosure;
use nixfleet_activate::engine::transaction::commit;
use nixfleet_activate::engine::transaction::execute;
use nixfleet_activate::engine::transaction::journal::{self, Journal, JournalPhase};
use nixfleet_activate::engine::transaction::open;
use nixfleet_activate::host::Host;
use nixfleet_activate::host::lock::{self, Lock};
use nixfleet_contract::outcome::Outcome;
use serde_json::{Value, json};

use crate::room::{Room, directory, file, unit, with};

/// The point at which a run is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// The journal is written and nothing is staged.
    Begun,
    /// Everything is staged, but the journal does not say so yet.
    Staged,
    /// The given number of operations is done.
    Done(usize),
    /// The state is replaced, but the transaction data is not removed yet.
    Committed,
}

fn old() -> Value {
    json!({
        "directories": [directory("/srv/gone", "0750"), directory("/srv/access", "0755"),
          directory("/srv/type", "0755")],
        "files": [
            file("/etc/changed", Some("old\n")),
            file("/etc/removed", Some("removed\n")),
            file("/etc/access", Some("access\n")),
            file("/srv/gone/deep/file", Some("deep\n")),
            with(file("/etc/restored", Some("managed\n")), "onConflict", "backup"),
        ],
        "units": [unit("web.service", Some("[Install]\nWantedBy=a.target\n"), Some(true))],
    })
}

fn new() -> Value {
    json!({
        "directories": [directory("/srv/access", "0700"), directory("/srv/new", "0711")],
        "files": [
            file("/etc/changed", Some("new\n")),
            file("/etc/created/file", Some("created\n")),
            with(file("/etc/access", Some("access\n")), "mode", "0600"),
            with(file("/etc/foreign", Some("ours\n")), "onConflict", "backup"),
            with(file("/etc/adopted", Some("ours\n")), "onConflict", "adopt"),
            file("/srv/type", Some("a file now\n")),
        ],
        "units": [unit("web.service", Some("[Install]\nWantedBy=b.target\n"), Some(true))],
    })
}

/// Returns a test host (a room) with the old generation, and the closure of the new generation.
fn prepared() -> (Room, String) {
    let room = Room::new();
    room.write("/etc/restored", "was here\n");
    room.chmod("/etc/restored", 0o604);
    room.write("/etc/foreign", "foreign\n");
    room.write("/etc/adopted", "adopted\n");
    let old = room.closure("old", &old());
    room.applied(&old, "ok");
    room.write("/etc/changed", "by hand\n");
    let new = room.closure("new", &new());
    (room, new)
}

fn run_until(room: &Room, closure: &str, death: Death) {
    let host = Host::open(&room.path("/")).unwrap();
    let target = TargetClosure::of_closure(closure).and_then(TargetClosure::open).unwrap();
    let planned = planner::plan(&host, &target).unwrap();
    assert_eq!(planned.plan.problems, []);
    let mut journal = open::open(&host, &planned, &target, lock::this_process("me", "apply")).unwrap();
    host.write_record(journal::RECORD, &journal).unwrap();
    if death == Death::Begun {
        return;
    }
    stage::stage(&host, &target, &mut journal).unwrap();
    if death == Death::Staged {
        return;
    }
    journal.enter(&host, JournalPhase::Swapping).unwrap();
    let count = if let Death::Done(count) = death { count } else { journal.entries.len() };
    let entries = journal.entries.iter().take(count).cloned().collect();
    let part = Journal { entries, ..journal.clone() };
    execute::execute(&host, &planned.state, &target.manifest.units, &part, May::Undo).unwrap();
    if death == Death::Committed {
        commit::commit(&host, &planned, &target, &journal).unwrap();
    }
}

fn recovered(room: &Room) -> String {
    let host = Host::open(&room.path("/")).unwrap();
    nixfleet_activate::engine::transaction::recover::recover(&host).unwrap().unwrap()
}

#[test]
fn wherever_a_run_dies_the_next_one_ends_in_the_old_or_the_new_generation() {
    let (room, closure) = prepared();
    let operations = room.plan(&closure)["steps"].as_array().unwrap().len();
    assert!(operations > 20, "{operations} operations make a worthwhile walk");
    let deaths = [Death::Begun, Death::Staged].into_iter().chain((0..=operations).map(Death::Done));
    for death in deaths {
        let (room, closure) = prepared();
        let before = room.tree("/");
        let fingerprint = room.plan(&closure)["fingerprint"].clone();
        run_until(&room, &closure, death);
        assert!(room.status()["interrupted"].is_string());
        let words = recovered(&room);
        assert!(words.ends_with("was rolled back to generation 1"), "{death:?}: {words}");
        assert_eq!(room.tree("/"), before, "{death:?}");
        assert_eq!(room.plan(&closure)["fingerprint"], fingerprint, "{death:?}");
        assert_clean(&room);
        room.applied(&closure, "ok");
        assert_clean(&room);
    }
}

#[test]
fn a_run_that_dies_behind_the_commit_point_is_finished() {
    let (whole, closure) = prepared();
    whole.applied(&closure, "ok");
    let (room, closure) = prepared();
    run_until(&room, &closure, Death::Committed);
    let report = room.applied(&closure, "unchanged");
    assert!(report["recovered"].as_str().unwrap().ends_with("had reached generation 2"), "{report:#}");
    assert_clean(&room);
    assert_eq!(room.read("/etc/changed"), "new\n");
    assert_eq!(room.read("/etc/restored"), "was here\n");
    let kept = ["/var/lib/nixfleet/kept/2/etc/adopted", "/var/lib/nixfleet/kept/2/etc/changed"];
    assert_eq!(room.status()["kept"], json!(kept));
    assert_eq!(kept.map(|path| room.read(path)), ["adopted\n", "by hand\n"]);
    room.applied(&room.closure("nothing", &json!({})), "ok");
    assert_eq!(room.read("/etc/foreign"), "foreign\n");
}

#[test]
fn an_interrupted_host_is_to_change_even_without_steps() {
    let (room, new) = prepared();
    room.write("/etc/changed", "old\n");
    let old = new.replace("/new/", "/old/");
    run_until(&room, &new, Death::Begun);
    let plan = room.plan(&old);
    assert_eq!(plan["steps"], json!([]));
    assert!(plan["interrupted"].as_str().unwrap().starts_with("apply by me, begun "), "{plan:#}");
    let text = room.plan_text(&old);
    assert!(text.contains("an apply recovers the host first") && !text.contains("nothing to do"), "{text}");
    room.run(&["recover"]);
    assert!(room.plan(&old)["interrupted"].is_null());
    assert!(room.plan_text(&old).contains("nothing to do"));
}

/// The open transaction belongs to the run that holds the lock, so nothing may undo it meanwhile.
#[test]
fn a_recovery_is_refused_while_another_run_works() {
    let (room, closure) = prepared();
    let before = room.tree("/");
    run_until(&room, &closure, Death::Done(5));
    let during = room.tree("/");
    let host = Host::open(&room.path("/")).unwrap();
    let lock = Lock::take(&host, &lock::this_process("alice@desk", "apply")).unwrap();

    let refused = room.run(&["recover", "--json"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&report["outcome"], &report["problem"]["code"]), (&json!("blocked"), &json!("NF-401")));
    let refused = room.run(&["recover"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("NF-401") && said.contains("alice@desk"), "{said}");
    let at_boot = room.run(&["recover", "--boot"]);
    assert!(at_boot.status.success(), "{at_boot:?}");
    assert_eq!(room.tree("/"), during);

    drop(lock);
    let recovered = room.run(&["recover"]);
    assert!(recovered.status.success(), "{recovered:?}");
    assert_eq!(room.tree("/"), before);
    assert_clean(&room);
}

#[test]
fn a_failure_takes_everything_back() {
    let (room, _) = prepared();
    let before = room.tree("/");
    let mut lists = new();
    let refused =
        with(file("/etc/refused", Some("x")), "validate", json!(["sh", "-c", "echo no >&2; false", "%s"]));
    lists["files"].as_array_mut().unwrap().push(refused);
    let report = room.applied(&room.closure("refused", &lists), "blocked");
    assert_eq!(
        (&report["problem"]["code"], &report["problem"]["why"]),
        (&json!("NF-408"), &json!("no\nnothing was changed"))
    );
    assert_eq!(room.tree("/"), before);
    assert_clean(&room);

    let damaged = room.closure("damaged", &new());
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(format!("{damaged}/manifest.json")).unwrap()).unwrap();
    let source = manifest["entries"]["/etc/created/file"]["source"].as_str().unwrap();
    std::fs::write(format!("{damaged}/{source}"), "damaged\n").unwrap();
    let report = room.applied(&damaged, "blocked");
    assert_eq!(report["problem"]["code"], "NF-405");
    assert_eq!(room.tree("/"), before);
    assert_clean(&room);
}

#[test]
fn a_plan_that_was_not_agreed_to_is_refused() {
    let (room, closure) = prepared();
    let host = Host::open(&room.path("/")).unwrap();
    let target = TargetRef::Closure(closure.clone());
    let agreed = room.plan(&closure)["fingerprint"].as_str().unwrap().to_owned();
    room.write("/etc/access", "changed meanwhile\n");
    let report = apply(&host, &target, Some(&agreed), lock::this_process("me", "apply"));
    assert_eq!(report.outcome, Outcome::Blocked);
    assert_eq!(report.problem.unwrap().code.as_str(), "NF-403");
    room.write("/etc/access", "access\n");
    let report = apply(&host, &target, Some(&agreed), lock::this_process("me", "apply"));
    assert_eq!(report.outcome, Outcome::Ok, "{:?}", report.problem);
}

#[test]
fn a_state_or_journal_that_cannot_be_read_stops_everything() {
    let (room, closure) = prepared();
    for (record, text, code, outcome) in [
        ("state.json", "{", "NF-404", "blocked"),
        ("state.json", "{\"schema\":2}", "NF-404", "blocked"),
        ("journal.json", "{", "NF-412", "failed"),
    ] {
        let path = format!("/var/lib/nixfleet/{record}");
        let intact = std::fs::read_to_string(room.path(&path)).ok();
        room.write(&path, text);
        let before = room.tree("/");
        let report = room.applied(&closure, outcome);
        assert_eq!(report["problem"]["code"], code);
        if record == "journal.json" {
            assert!(report["problem"]["help"].as_str().unwrap().contains("move the journal away"));
        }
        if record == "state.json" {
            let plan = room.plan(&closure);
            assert_eq!((&plan["problems"][0]["code"], &plan["steps"]), (&json!(code), &json!([])));
        }
        assert_eq!(room.tree("/"), before);
        match intact {
            Some(intact) => room.write(&path, &intact),
            None => std::fs::remove_file(room.path(&path)).unwrap(),
        }
    }
    room.applied(&closure, "ok");
}

/// A service may write to its new directory before the run fails.
#[test]
fn what_was_put_into_a_new_directory_outlives_the_failure() {
    let room = Room::new();
    room.applied(&room.closure("old", &json!({})), "ok");
    let closure = room.closure("new", &json!({ "directories": [directory("/srv/web", "0750")] }));
    run_until(&room, &closure, Death::Done(2));
    room.write("/srv/web/data", "precious\n");
    recovered(&room);
    assert_eq!(room.read("/srv/web/data"), "precious\n");
    room.applied(&closure, "ok");
    room.applied(&room.closure("nothing", &json!({})), "ok");
    assert_eq!(room.read("/srv/web/data"), "precious\n");
}

/// Checks that no data of a transaction is left.
fn assert_clean(room: &Room) {
    let entries = std::fs::read_dir(room.path("/var/lib/nixfleet")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !matches!(name.as_str(), "kept" | "originals" | "lock" | "state.json"));
    names.retain(|name| {
        name != "tx" || std::fs::read_dir(room.path("/var/lib/nixfleet/tx")).unwrap().next().is_some()
    });
    assert_eq!(names, [] as [&str; 0]);
}
