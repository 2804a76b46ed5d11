//! Benchmarks the engine against the fastest possible implementation, on one machine in one run.
//!
//! With 10,000 managed files and no change, planning is compared with a bare `stat` of each file. With 10,000
//! changed files, applying is compared with a loop that only writes, syncs and renames each file.
//!
//! Usage: `cargo run --release -p nixfleet-activate --example figures [-- DIRECTORY [FILES]]`. The directory
//! selects the disk to measure. The times of each round are written to standard output as JSON, in seconds,
//! for `make bench`. The ratios are written to standard error.

#![allow(clippy::disallowed_methods, reason = "it measures on files of its own")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nixfleet_activate::digest;
use nixfleet_activate::engine::apply::{TargetRef, apply};
use nixfleet_activate::engine::plan::fast_path;
use nixfleet_activate::engine::plan::target::TargetClosure;
use nixfleet_activate::host::{Host, lock};
use nixfleet_contract::manifest::{Access, Entry, FileEntry, Manifest, OnConflict};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::values::{ManagedPath, Mode, Owner};
use rustix::fs::{AtFlags, CWD};

/// The default number of files.
const FILES: usize = 10_000;
/// The number of directories that contain the files.
const DIRECTORIES: usize = 100;
const ROUNDS: usize = 7;

fn main() {
    let place = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let files = std::env::args().nth(2).map_or(FILES, |files| files.parse().unwrap());
    let room = tempfile::TempDir::new_in(place).unwrap();
    let tree = room.path().join("root");
    fs::create_dir_all(tree.join("etc")).unwrap();
    fs::write(tree.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    fs::write(tree.join("etc/group"), "root:x:0:\n").unwrap();
    let host = Host::open(&tree).unwrap();
    let closures: Vec<String> = (0..ROUNDS).map(|round| closure(room.path(), round, files)).collect();

    // Alternate plain writes with applies, so that a disk that becomes slower affects both measurements.
    let (mut bare, mut changed) = (Vec::new(), Vec::new());
    for (round, closure) in closures.iter().enumerate() {
        bare.push(write_bare(&room.path().join("bare"), round, files));
        let begun = Instant::now();
        let report =
            apply(&host, &TargetRef::Closure(closure.clone()), None, lock::this_process("me", "apply"));
        changed.push(begun.elapsed());
        assert_eq!(report.outcome, Outcome::Ok, "{:?}", report.problem);
    }
    // Ignore the first round of each measurement: it creates the files, and all later rounds replace them.
    let (bare, changed) = (&bare[1..], &changed[1..]);

    // Apply two more changes after a pause, so that the timestamps of the files are old enough for the fast
    // path.
    let current = closures.last().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let report =
        apply(&host, &TargetRef::Closure(closures[0].clone()), None, lock::this_process("me", "apply"));
    assert_eq!(report.outcome, Outcome::Ok);
    let report = apply(&host, &TargetRef::Closure(current.clone()), None, lock::this_process("me", "apply"));
    assert_eq!(report.outcome, Outcome::Ok);
    let (mut stats, mut unchanged) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS * 3 {
        stats.push(look_at_all(&tree, files));
        let begun = Instant::now();
        let target_closure = TargetClosure::of_closure(current).unwrap();
        let plan = fast_path::unchanged(&host, &target_closure);
        unchanged.push(begun.elapsed());
        assert!(
            plan.is_some_and(|plan| plan.steps.is_empty()),
            "nothing is to be done, and that is seen at once"
        );
    }
    eprintln!("{files} changed files: apply by write, fsync, rename: {}", ratio(changed, bare));
    eprintln!("{files} files, nothing changed: plan by stat of each: {}", ratio(&unchanged, &stats));
    let seconds = |durations: &[Duration]| durations.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    println!(
        "{}",
        serde_json::json!({
            "files": files,
            "changed": seconds(changed),
            "written": seconds(bare),
            "unchanged": seconds(&unchanged),
            "looked": seconds(&stats),
        })
    );
}

fn path(number: usize) -> String {
    format!("/etc/d{:02}/file-{number:05}.conf", number % DIRECTORIES)
}

fn text(round: usize, number: usize) -> String {
    format!("# round {round}\nfile = {number}\n{}", "setting = value\n".repeat(20))
}

fn closure(room: &Path, round: usize, files: usize) -> String {
    let closure = room.join(format!("closure-{round}"));
    fs::create_dir_all(closure.join("files")).unwrap();
    let mut entries: BTreeMap<ManagedPath, Entry> = BTreeMap::new();
    for number in 0..files {
        let text = text(round, number);
        let sha256 = digest::of(&text);
        let source = format!("files/{sha256}");
        fs::write(closure.join(&source), &text).unwrap();
        let access = Access { mode: Mode::FILE, owner: Owner::root(), group: Owner::root(), list: false };
        let entry = FileEntry {
            source: source.parse().unwrap(),
            sha256,
            size: text.len() as u64,
            access,
            restart_units: Vec::new(),
            on_change: Vec::new(),
            reload_units: Vec::new(),
            validate: None,
            on_conflict: OnConflict::Fail,
        };
        entries.insert(path(number).parse().unwrap(), Entry::File(entry));
    }
    let manifest = Manifest {
        schema: nixfleet_contract::SCHEMA,
        host: "web-1".to_owned(),
        base: "ubuntu".to_owned(),
        system: "x86_64-linux".to_owned(),
        packages: Vec::new(),
        groups: Vec::new(),
        users: Vec::new(),
        entries,
        units: BTreeMap::new(),
        health_checks: Vec::new(),
        max_file_size: None,
        nixos: None,
        unit_states: BTreeMap::new(),
        apt: None,
    };
    fs::write(closure.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
    closure.to_str().unwrap().to_owned()
}

/// Measures the least time that a change of all files can take: writes, syncs and renames each file.
fn write_bare(directory: &Path, round: usize, files: usize) -> Duration {
    for number in 0..DIRECTORIES {
        fs::create_dir_all(directory.join(format!("etc/d{number:02}"))).unwrap();
    }
    let begun = Instant::now();
    for number in 0..files {
        let place = directory.join(&path(number)[1..]);
        let beside = place.with_extension("new");
        let mut file = File::create(&beside).unwrap();
        file.write_all(text(round, number).as_bytes()).unwrap();
        file.sync_all().unwrap();
        fs::rename(&beside, &place).unwrap();
    }
    begun.elapsed()
}

/// Measures the least time that an inspection of all files can take: runs `stat` on each file by its path.
fn look_at_all(root: &Path, files: usize) -> Duration {
    let paths: Vec<_> = (0..files).map(|number| root.join(&path(number)[1..])).collect();
    let begun = Instant::now();
    for path in &paths {
        rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
    begun.elapsed()
}

/// Formats the ratio of the median of `ours` to the median of `floor`.
fn ratio(ours: &[Duration], floor: &[Duration]) -> String {
    let median = |durations: &[Duration]| {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        sorted[(sorted.len() - 1) / 2].as_secs_f64()
    };
    let (ours, floor) = (median(ours), median(floor));
    format!("{ours:.4} s / {floor:.4} s = {:.2}", ours / floor)
}
