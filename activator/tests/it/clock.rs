//! Tests with jumps of the wall clock and with arbitrary file timestamps. Neither may affect the result on a
//! host.

use nixfleet_activate::host::injection::{CLOCK, FAULT};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use serde_json::Value;

use crate::ledger;
use crate::room::{Room, file};
use crate::stand::{Stand, differences, with_own_mounts};
use crate::walk::{Transaction, transactions};

const PROMISE: &str = "No outcome depends on the clock on the wall";
/// The jumps of the clock in seconds, from 30 years back to 30 years forward.
const JUMPS: [i64; 8] = [-1_000_000_000, -86_400, -3_600, -1, 1, 3_600, 86_400, 1_000_000_000];
/// The number of points in each apply at which the clock jumps or the process is killed. Each jump is tried
/// at different points of the apply.
const POINTS: usize = 3;

/// Applies with a jump of the clock in the middle of the run.
fn apply(stand: &Stand, transaction: &Transaction, jump: i64, at: usize) -> Vec<String> {
    stand.load(transaction.from);
    let mut apply = stand.command(&["apply", "--closure", &transaction.closure]);
    let output = apply.env(CLOCK, format!("{jump} {at}")).output().unwrap();
    let mut wrong = differences(&stand.tree(), &transaction.after);
    if !output.status.success() {
        wrong.push(format!("{output:?}"));
    }
    wrong
}

/// Applies with a shifted clock until the process is killed, and recovers with the clock shifted in the other
/// direction.
fn die(stand: &Stand, transaction: &Transaction, jump: i64, at: usize) -> Vec<String> {
    stand.load(transaction.from);
    let mut apply = stand.command(&["apply", "--closure", &transaction.closure]);
    apply.env(CLOCK, format!("{jump} 0")).env(FAULT, format!("kill {at}")).output().unwrap();
    let mut recover = stand.command(&["rollback", "--to", "99"]);
    let output = recover.env(CLOCK, format!("{} 0", -jump)).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let tree = stand.tree();
    let old = differences(&tree, &transaction.before);
    let new = differences(&tree, &transaction.after);
    if report["problem"]["code"] == "NF-409" && (old.is_empty() || new.is_empty()) {
        return Vec::new();
    }
    vec![format!("neither old {old:?} nor new {new:?}: {output:?}")]
}

#[test]
fn a_clock_that_jumps_changes_no_outcome() {
    let test = "clock::a_clock_that_jumps_changes_no_outcome";
    with_own_mounts(test, |stand| {
        let mut failures = Vec::new();
        let mut tried = [0, 0];
        for transaction in &transactions(stand) {
            for (index, jump) in JUMPS.into_iter().enumerate() {
                for point in 0..POINTS {
                    let at = 1
                        + (point * transaction.changes + index * transaction.changes / JUMPS.len()) / POINTS;
                    for (way, trial) in [apply, die].into_iter().enumerate() {
                        tried[way] += 1;
                        let wrong = trial(stand, transaction, jump, at).into_iter();
                        let from = transaction.from;
                        failures.extend(wrong.map(|wrong| format!("{jump} s at {at} from {from}: {wrong}")));
                    }
                }
            }
        }
        let [jumps, deaths] = tried;
        let tried = format!(
            "{jumps} jumps in the middle of an apply and {deaths} between a death and its recovery, by up to 31 years \
             either way"
        );
        ledger::record(PROMISE, test, &tried, &failures);
    });
}

#[test]
fn files_from_any_time_are_seen_for_what_they_are() {
    // The times are the start of 1970, one second before that, the year 2096, and a time that exceeds 32
    // bits.
    let times = [0, -1, 4_000_000_000, 17_000_000_000];
    let mut failures = Vec::new();
    for time in times {
        let room = Room::new();
        let one = room.closure("one", &serde_json::json!({ "files": [file("/etc/a", Some("one\n"))] }));
        room.applied(&one, "ok");
        let date = |path: &str| {
            let time = Timespec { tv_sec: time, tv_nsec: 0 };
            let times = Timestamps { last_access: time, last_modification: time };
            rustix::fs::utimensat(CWD, room.path(path), &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        };
        for path in ["/etc/a", "/var/lib/nixfleet/state.json", "/var/lib/nixfleet/lock", "/etc"] {
            date(path);
        }
        let mut expect = |what: &str, right: bool| {
            if !right {
                failures.push(format!("{what} with files from {time}"));
            }
        };
        expect("unchanged", room.apply(&one)["outcome"] == "unchanged");
        room.write("/etc/a", "two\n");
        date("/etc/a");
        let drift = room.status()["drift"].as_array().map_or(0, Vec::len);
        expect("an edit of the same length is seen", drift == 1);
        let mended = room.apply(&one);
        expect("mended", mended["outcome"] == "ok" && room.read("/etc/a") == "one\n");
        expect("kept", mended["kept"].as_array().is_some_and(|kept| kept.len() == 1));
    }
    let tried = format!("{} times that managed files and records claim to be from", times.len());
    ledger::record(PROMISE, "clock::files_from_any_time_are_seen_for_what_they_are", &tried, &failures);
}
