//! Tests that inject faults at every change of three transactions, with one run for each change and each kind
//! of fault. The host must always end in exactly the old or exactly the new generation.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use rustix::fs::XattrFlags;
use serde_json::{Value, json};

use crate::ledger;
use crate::room::{absent, directory, file, link, unit, with};
use crate::stand::{Stand, differences, with_own_mounts};

/// The arguments of a run that only recovers, since generation 99 does not exist.
const RECOVER: [&str; 3] = ["rollback", "--to", "99"];

/// An access control list: the owner can read and write, root (as an additional entry) and others can read.
const ACL: &[u8] = &[
    2, 0, 0, 0, // version
    1, 0, 6, 0, 255, 255, 255, 255, // owner
    2, 0, 4, 0, 0, 0, 0, 0, // user 0
    4, 0, 4, 0, 255, 255, 255, 255, // group
    16, 0, 4, 0, 255, 255, 255, 255, // mask
    32, 0, 4, 0, 255, 255, 255, 255, // others
];

type Tree = BTreeMap<String, String>;

/// A transaction from a saved host to a closure.
pub struct Transaction {
    /// The name of the saved host.
    pub from: &'static str,
    pub closure: String,
    pub before: Tree,
    pub after: Tree,
    /// The number of changes that a run makes.
    pub changes: usize,
    /// The number of the first change of each kind, counted from 1.
    firsts: BTreeSet<usize>,
}

impl Transaction {
    fn measure(stand: &Stand, from: &'static str, closure: &str) -> Self {
        stand.load(from);
        let before = stand.tree();
        let log = stand.changes(&["apply", "--closure", closure]);
        let changes = log.len();
        let mut kinds = BTreeSet::new();
        let firsts = (1..).zip(&log).filter(|(_, line)| kinds.insert(kind(line))).map(|(at, _)| at).collect();
        let after = stand.tree();
        assert!(changes > 50 && before != after, "{changes} changes");
        Self { from, closure: closure.to_owned(), before, after, changes, firsts }
    }
}

/// Returns the kind of change in a line of the log. Each program counts as a separate kind.
fn kind(line: &str) -> &str {
    let (_, change) = line.split_once('\t').unwrap();
    if change.starts_with("Run\t") { change } else { change.split('\t').next().unwrap() }
}

/// Adds a command to a file. Like `newaliases`, the command creates a second file from the file. When the
/// file is removed, the command removes the second file too.
fn compile(stand: &Stand, file: Value) -> Value {
    let script = "if [ -e \"$0\" ]; then cp -p \"$0\" \"$0.db\"; else rm -f \"$0.db\"; fi";
    let at = stand.path(file["path"].as_str().unwrap());
    with(file, "onChange", json!(["/bin/sh", "-c", script, at]))
}

/// Files that commands create. After a rollback on a full disk, these files may still have their new content,
/// because the commands could not run. A note in the report says so.
const MADE: [&str; 2] = ["/etc/aliases.db", "/srv/born.db"];

fn one(stand: &Stand) -> Value {
    json!({
        "directories": [
            directory("/srv/gone", "0750"), directory("/etc/access.d", "0755"),
            directory("/etc/type", "0755"),
            directory("/opt/stood", "0711"),
        ],
        "files": [
            file("/etc/changed", Some("one\n")),
            compile(stand, file("/etc/aliases", Some("one\n"))),
            file("/etc/removed", Some("removed\n")),
            file("/etc/access", Some("access\n")),
            file("/srv/gone/deep/file", Some("deep\n")),
            file("/srv/changed", Some("one\n")),
            with(file("/etc/restored", Some("managed\n")), "onConflict", "backup"),
            with(file("/srv/restored", Some("managed\n")), "onConflict", "backup"),
            with(file("/etc/same", Some("as it is\n")), "onConflict", "backup"),
            file("/etc/opens", Some("a file\n")),
            with(file("/etc/opens-original", Some("a file\n")), "onConflict", "backup"),
            file("/srv/closes/a", Some("in it\n")),
            file("/srv/closes/deep/b", Some("deep in it\n")),
            file("/opt/closes-link/a", Some("in it\n")),
        ],
        "absent": [
            absent("/etc/unwanted"), absent("/srv/unwanted"), absent("/etc/never"), absent("/etc/returns"),
            with(absent("/opt/unwanted"), "recursive", true), with(absent("/opt/returns"), "recursive", true),
        ],
        "links": [
            link("/opt/opens-link", "/etc/passwd"),
            link("/srv/link", "one"),
            link("/srv/link-gone", "one"),
        ],
        "units": [unit("web.service", Some("[Install]\nWantedBy=a.target\n"), Some(true))],
        "unitStates": [
            state("on.service", &json!({ "enabled": true, "running": true })),
            state("off.service", &json!({ "enabled": false })),
            state("masked.service", &json!({ "masked": true })),
            state("unmasked.service", &json!({ "masked": false })),
        ],
    })
}

/// Returns the state of a unit of the distribution.
fn state(name: &str, fields: &Value) -> Value {
    let mut state = json!({ "name": name, "enabled": null, "running": null, "masked": null });
    for (field, value) in fields.as_object().unwrap() {
        state[field] = value.clone();
    }
    state
}

fn two(stand: &Stand) -> Value {
    json!({
        "directories": [directory("/etc/access.d", "0700"), directory("/srv/new", "0711")],
        "files": [
            file("/etc/changed", Some("two\n")),
            compile(stand, file("/etc/aliases", Some("two\n"))),
            compile(stand, file("/srv/born", Some("two\n"))),
            file("/etc/created/file", Some("created\n")),
            with(file("/etc/access", Some("access\n")), "mode", "0600"),
            with(file("/etc/foreign", Some("ours\n")), "onConflict", "backup"),
            with(file("/etc/adopted", Some("ours\n")), "onConflict", "adopt"),
            file("/etc/type", Some("a file now\n")),
            with(file("/srv/changed", Some("two\n")), "mode", "0640"),
            with(file("/srv/foreign", Some("ours\n")), "onConflict", "backup"),
            file("/etc/opens/a", Some("in it\n")),
            file("/etc/opens/deep/b", Some("deep in it\n")),
            file("/etc/opens-original/a", Some("in it\n")),
            file("/opt/opens-link/a", Some("in it\n")),
            file("/srv/closes", Some("a file now\n")),
        ],
        "absent": [
            absent("/etc/unwanted"), absent("/etc/link"), absent("/etc/empty"), absent("/etc/removed"),
            with(absent("/opt/unwanted"), "recursive", true), with(absent("/opt/later"), "recursive", true),
        ],
        "links": [link("/opt/closes-link", "/etc"), link("/srv/link", "two")],
        "units": [unit("web.service", Some("[Install]\nWantedBy=b.target\n"), Some(true))],
        "unitStates": [
            state("on.service", &json!({ "enabled": false })),
            state("unmasked.service", &json!({ "masked": true })),
        ],
    })
}

/// Returns three transactions, which create, change and remove managed resources.
pub fn transactions(stand: &Stand) -> [Transaction; 3] {
    stand.install();
    let standing = ["/etc/restored", "/etc/foreign", "/etc/adopted", "/srv/restored", "/srv/foreign"];
    let unwanted = [
        "/etc/unwanted",
        "/srv/unwanted",
        "/etc/returns",
        "/opt/unwanted/deep/file",
        "/opt/returns/file",
        "/opt/later/file",
    ];
    for path in standing.into_iter().chain(["/etc/opens-original"]).chain(unwanted) {
        stand.write(path, &format!("stood at {path}\n"), 0o604);
    }
    stand.write("/etc/same", "as it is\n", 0o644);
    for path in ["/opt/stood", "/etc/empty"] {
        std::fs::create_dir_all(stand.path(path)).unwrap();
    }
    std::os::unix::fs::symlink("changed", stand.path("/etc/link")).unwrap();
    for unit in ["on", "off"] {
        let text = "[Install]\nWantedBy=multi-user.target\n";
        stand.write(&format!("/usr/lib/systemd/system/{unit}.service"), text, 0o644);
    }
    std::fs::create_dir_all(stand.path("/etc/systemd/system/multi-user.target.wants")).unwrap();
    for (link, target) in [
        ("multi-user.target.wants/off.service", "/lib/systemd/system/off.service"),
        ("unmasked.service", "/dev/null"),
    ] {
        let link = stand.path(&format!("/etc/systemd/system/{link}"));
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    for path in ["/etc/restored", "/srv/restored", "/srv/foreign"] {
        let path = stand.path(path);
        rustix::fs::setxattr(&path, c"system.posix_acl_access", ACL, XattrFlags::empty()).unwrap();
    }
    stand.save("bare");
    let [one, two, nothing] = [("one", one(stand)), ("two", two(stand)), ("nothing", json!({}))]
        .map(|(name, lists)| stand.closure(name, &lists));
    let create = Transaction::measure(stand, "bare", &one);
    for path in ["/etc/changed", "/srv/changed", "/etc/opens", "/srv/closes/a"] {
        stand.write(path, "by hand\n", 0o644);
    }
    // These paths are declared as absent, but were created again manually.
    for path in ["/etc/unwanted", "/opt/unwanted/again"] {
        stand.write(path, "by hand\n", 0o644);
    }
    stand.save("edited");
    let change = Transaction::measure(stand, "edited", &two);
    stand.write("/srv/changed", "by hand again\n", 0o640);
    stand.save("full");
    let remove = Transaction::measure(stand, "full", &nothing);
    [create, change, remove]
}

/// The generation in which a host ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Old,
    New,
}

struct Walker<'s> {
    stand: &'s Stand,
    failures: Vec<String>,
    ends: [usize; 2],
}

impl<'s> Walker<'s> {
    const fn new(stand: &'s Stand) -> Self {
        Self { stand, failures: Vec::new(), ends: [0, 0] }
    }

    /// Runs a transaction with a fault.
    fn fail(&self, transaction: &Transaction, kind: &str, at: usize) -> Output {
        self.stand.load(transaction.from);
        self.stand.run(&["apply", "--closure", &transaction.closure], Some((kind, at)))
    }

    /// Returns how the host differs from its state before the run, except for differences that the fault
    /// permits.
    fn differs(&self, transaction: &Transaction, kind: &str) -> Vec<String> {
        let mut different = differences(&self.stand.tree(), &transaction.before);
        let is_made = |line: &str| MADE.iter().any(|path| line.starts_with(&format!("{path}: ")));
        different.retain(|line| kind != "full" || !is_made(line));
        different
    }

    /// Recovers the host, and returns the generation in which the host ended.
    fn recover(&mut self, transaction: &Transaction, kind: &str, trial: &str) -> Option<End> {
        let output = self.stand.run(&RECOVER, None);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let problem = &report["problem"];
        if problem["code"] != "NF-409" {
            self.failures.push(format!("{trial}: recovery says {problem} {output:?}"));
        }
        let old = self.differs(transaction, kind);
        let new = differences(&self.stand.tree(), &transaction.after);
        let end = match (old.is_empty(), new.is_empty()) {
            (true, _) => End::Old,
            (_, true) => End::New,
            _ => {
                self.failures
                    .push(format!("{trial}: neither old {old:?} nor new but for {} paths", new.len()));
                return None;
            }
        };
        self.ends[end as usize] += 1;
        Some(end)
    }

    /// Checks that the next apply succeeds.
    fn apply_at_last(&mut self, transaction: &Transaction, trial: &str) {
        let output = self.stand.run(&["apply", "--closure", &transaction.closure], None);
        let different = differences(&self.stand.tree(), &transaction.after);
        if !output.status.success() || !different.is_empty() {
            self.failures.push(format!("{trial}: the next apply gives {different:?} {output:?}"));
        }
    }

    /// Checks a fault that kills the process.
    fn death(&mut self, transaction: &Transaction, kind: &str, at: usize) {
        let trial = format!("{kind} at change {at} from {}", transaction.from);
        let output = self.fail(transaction, kind, at);
        if output.status.signal() != Some(9) {
            self.failures.push(format!("{trial}: it lives {output:?}"));
        }
        if self.recover(transaction, kind, &trial) == Some(End::Old) {
            self.apply_at_last(transaction, &trial);
        }
    }

    /// Checks a fault that makes a change fail. The run itself must undo everything, unless the fault makes
    /// all further changes fail too.
    fn error(&mut self, transaction: &Transaction, kind: &str, at: usize) {
        let trial = format!("{kind} at change {at} from {}", transaction.from);
        let output = self.fail(transaction, kind, at);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let outcome = report["outcome"].as_str().unwrap_or("none").to_owned();
        let old_at_once = self.differs(transaction, kind).is_empty();
        let made_again = differences(&self.stand.tree(), &transaction.before).is_empty();
        let notes = report["notes"].to_string();
        if old_at_once && !made_again && !notes.contains("failed after the files were restored") {
            self.failures.push(format!("{trial}: nobody says what was not made again {notes}"));
        }
        let promised = match outcome.as_str() {
            "ok" => Some(End::New),
            "rolled-back" | "blocked" if old_at_once => Some(End::Old),
            "blocked" | "rolled-back" | "failed" if kind == "dead" => None,
            _ => {
                let different = differences(&self.stand.tree(), &transaction.before);
                self.failures
                    .push(format!("{trial}: it ended {outcome} {different:?} {}", report["problem"]));
                None
            }
        };
        let end = self.recover(transaction, kind, &trial);
        if promised.is_some() && end.is_some() && end != promised {
            self.failures.push(format!("{trial}: it said {outcome} and ended {end:?}"));
        }
        if end == Some(End::Old) {
            self.apply_at_last(transaction, &trial);
        }
    }

    fn ledger(&self, test: &str, promise: &str, what: &str) {
        let [old, new] = self.ends;
        let tried = format!("{} {what}: {old} ended old, {new} new", old + new);
        ledger::record(promise, test, &tried, &self.failures);
    }
}

const ALL_OR_NOTHING: &str = "All or nothing";

/// The changes at which faults are injected, in addition to the first change of each kind. `make soak`
/// injects faults at all changes.
#[derive(Clone, Copy)]
struct Share {
    /// The distance between two changes.
    every: usize,
    /// The number of the first change.
    first: usize,
}

impl Share {
    const fn every(every: usize, first: usize) -> Self {
        Self { every, first }
    }

    fn has(self, transaction: &Transaction, at: usize) -> bool {
        at % self.every == self.first % self.every || transaction.firsts.contains(&at) || ledger::soaks()
    }
}

fn walk(test: &str, what: &str, share: Share, trial: impl Fn(&mut Walker<'_>, &Transaction, usize)) {
    with_own_mounts(test, |stand| {
        let transactions = transactions(stand);
        let mut walker = Walker::new(stand);
        for transaction in &transactions {
            for at in (1..=transaction.changes).filter(|at| share.has(transaction, *at)) {
                trial(&mut walker, transaction, at);
            }
        }
        walker.ledger(test, ALL_OR_NOTHING, what);
    });
}

#[test]
fn killed_before_any_change() {
    walk(
        "walk::killed_before_any_change",
        "points to kill the process at",
        Share::every(3, 1),
        |walker, transaction, at| walker.death(transaction, "kill", at),
    );
}

#[test]
fn killed_in_the_middle_of_any_change() {
    walk(
        "walk::killed_in_the_middle_of_any_change",
        "points to kill the process at, writes half done",
        Share::every(8, 1),
        |walker, transaction, at| walker.death(transaction, "torn", at),
    );
}

#[test]
fn no_room_for_any_one_change() {
    walk(
        "walk::no_room_for_any_one_change",
        "changes refused with ENOSPC",
        Share::every(8, 2),
        |walker, transaction, at| walker.error(transaction, "enospc", at),
    );
}

#[test]
fn a_disk_full_from_any_change_on() {
    walk(
        "walk::a_disk_full_from_any_change_on",
        "points from which the disk stays full",
        Share::every(8, 3),
        |walker, transaction, at| walker.error(transaction, "full", at),
    );
}

#[test]
fn any_one_change_broken() {
    walk(
        "walk::any_one_change_broken",
        "changes refused with EIO",
        Share::every(8, 4),
        |walker, transaction, at| walker.error(transaction, "eio", at),
    );
}

#[test]
fn a_disk_dead_from_any_change_on() {
    walk(
        "walk::a_disk_dead_from_any_change_on",
        "points from which every change is refused with EIO",
        Share::every(8, 5),
        |walker, transaction, at| walker.error(transaction, "dead", at),
    );
}

#[test]
fn killed_again_during_the_recovery() {
    let test = "walk::killed_again_during_the_recovery";
    with_own_mounts(test, |stand| {
        let transactions = transactions(stand);
        let mut walker = Walker::new(stand);
        for transaction in &transactions {
            for first in (1..=transaction.changes).step_by(if ledger::soaks() { 9 } else { 36 }) {
                walker.fail(transaction, "kill", first);
                let recovery = stand.changes(&RECOVER).len();
                for second in (1 + first % 5..=recovery).step_by(5) {
                    walker.fail(transaction, "kill", first);
                    stand.run(&RECOVER, Some(("kill", second)));
                    let trial = format!("killed at {first}, then at {second} from {}", transaction.from);
                    walker.recover(transaction, "kill", &trial);
                }
            }
        }
        walker.ledger(test, ALL_OR_NOTHING, "pairs of a kill and a kill in the recovery");
    });
}
