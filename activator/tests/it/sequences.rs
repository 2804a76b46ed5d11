//! Tests with random sequences of applies, crashes, rollbacks and manual edits. The applied generation must
//! be current, originals must never be lost, and at the end the host must be in its initial state.

use std::fs;
use std::time::{Duration, Instant};

use nixfleet_activate::engine::apply::{TargetRef, apply};
use nixfleet_activate::engine::plan::fast_path;
use nixfleet_activate::engine::plan::planner;
use nixfleet_activate::engine::plan::target::{GenerationRef, TargetClosure};
use nixfleet_activate::engine::state::{Origin, State, Thing};
use nixfleet_activate::engine::status::status;
use nixfleet_activate::host::{Host, lock};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::report::Report;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::ledger;
use crate::room::{Room, absent, directory, file, link, with};

/// Files that a generation may contain. The first three exist initially. A generation never contains both a
/// path and another path below it.
const FILES: [&str; 9] = [
    "/etc/a",
    "/etc/b",
    "/srv/deep/c",
    "/srv/deep/d",
    "/srv/e",
    "/srv/e/f",
    "/opt/x",
    "/opt/x/y",
    "/opt/x/y/z",
];
const STANDING: usize = 3;

/// The content number that stands for a link, and the target of this link.
const LINK: u8 = 3;
const TARGET: &str = "nowhere";
/// The content number that stands for an absent path.
const NOTHING: u8 = 4;

/// A generation: for each file, its content number and mode flag, or `None` if the file is not managed. Then,
/// whether directories are declared.
type Generation = (Vec<Option<(u8, bool)>>, bool);

#[derive(Clone, Debug)]
enum Move {
    Apply(Generation),
    /// Apply, and roll back to the previous generation.
    ThereAndBack(Generation),
    /// Apply until killed at a change, recover until killed at another change, and recover again.
    Die(Generation, usize, usize),
    RollBack,
    Edit(usize),
    Delete(usize),
}

fn generation() -> impl Strategy<Value = Generation> {
    let files = prop::collection::vec(prop::option::of((0..=NOTHING, any::<bool>())), FILES.len());
    (files, any::<bool>()).prop_map(|(mut files, directories)| {
        for (index, path) in FILES.iter().enumerate() {
            let mut above = FILES.iter().zip(&files).filter(|(_, declared)| declared.is_some());
            if above.any(|(above, _)| path.starts_with(&format!("{above}/"))) {
                files[index] = None;
            }
        }
        (files, directories)
    })
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => generation().prop_map(Move::Apply),
        2 => (generation(), 1..220_usize, 1..80_usize)
            .prop_map(|(to, first, second)| Move::Die(to, first, second)),
        1 => generation().prop_map(Move::ThereAndBack),
        1 => Just(Move::RollBack),
        1 => (0..FILES.len()).prop_map(Move::Edit),
        1 => (0..FILES.len()).prop_map(Move::Delete),
    ];
    prop::collection::vec(one, 1..7)
}

fn lists((declared, directories): &Generation) -> Value {
    let (mut files, mut links, mut absents) = (Vec::new(), Vec::new(), Vec::new());
    for (path, declared) in FILES.iter().zip(declared) {
        match declared {
            None => {}
            Some((NOTHING, _)) => absents.push(absent(path)),
            Some((LINK, _)) => links.push(with(link(path, TARGET), "onConflict", "backup")),
            Some((content, narrow)) => {
                let file = with(file(path, Some(&format!("content {content}\n"))), "onConflict", "backup");
                files.push(with(file, "mode", if *narrow { "0600" } else { "0644" }));
            }
        }
    }
    let directories = if *directories {
        json!([directory("/srv/deep", "0700"), directory("/srv/more", "0755")])
    } else {
        json!([])
    };
    json!({ "files": files, "links": links, "absent": absents, "directories": directories })
}

fn closure(room: &Room, name: &str, generation: &Generation) -> String {
    room.closure(name, &lists(generation))
}

fn run(host: &Host, target: &TargetRef) -> Report {
    apply(host, target, None, lock::this_process("me", "apply"))
}

/// Whether the host reports a path as managed.
fn is_managed(room: &Room, path: &str) -> bool {
    room.inspect().lines().any(|line| line.starts_with(&format!("{path}: file")))
}

/// Returns the tree without NixFleet's own files.
fn outside(room: &Room) -> Vec<String> {
    let tree = room.tree("/");
    let own = |line: &&str| line.starts_with("/nix") || line.starts_with("/var/lib/nixfleet");
    tree.lines().filter(|line| !own(line)).map(str::to_owned).collect()
}

/// Returns [`outside`] without timestamps, which differ for rewritten files.
fn timeless(room: &Room) -> Vec<String> {
    let untimed = |line: String| match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
        [path, mode, _, content] if content.starts_with('"') => format!("{path} {mode} {content}"),
        _ => line,
    };
    outside(room).into_iter().map(untimed).collect()
}

/// Checks that each original is in place or in its backup.
fn check_originals(room: &Room) -> Result<(), TestCaseError> {
    let (state, _) = State::read(&Host::open(&room.path("/")).unwrap()).unwrap();
    for path in &FILES[..STANDING] {
        let place = match state.paths.get(*path).map(|owned| &owned.origin) {
            None => (*path).to_owned(),
            Some(Origin::Original { backup }) => backup.to_string(),
            Some(other) => return Err(TestCaseError::fail(format!("{path} came from {other:?}"))),
        };
        prop_assert_eq!(room.read(&place), format!("stood at {path}\n"), "{} is lost", path);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&room.path(&place).metadata().unwrap().permissions());
        prop_assert_eq!(mode & 0o7777, 0o604);
    }
    Ok(())
}

/// Checks that the recorded paths exist as recorded.
fn check_owned(room: &Room, host: &Host) -> Result<(), TestCaseError> {
    let (state, _) = State::read(host).unwrap();
    for (path, owned) in &state.paths {
        let found = room.path(path).symlink_metadata();
        if owned.thing == Thing::Absent {
            prop_assert!(found.is_err(), "something stands at {}", path);
            continue;
        }
        let fits = found.is_ok_and(|found| match owned.thing {
            Thing::Directory { .. } => found.is_dir(),
            Thing::File { .. } => found.is_file(),
            Thing::Link { .. } => found.is_symlink(),
            Thing::Absent => false,
        });
        prop_assert!(fits, "{} is owned, but something else stands there", path);
    }
    prop_assert_eq!(&status(host).unwrap().drift, &[], "nothing differs from the state");
    Ok(())
}

/// Checks that the fast path returns the same plan as the full comparison if there is nothing to do, and no
/// plan otherwise.
fn check_glance(host: &Host) -> Result<(), TestCaseError> {
    let Some(closure) = State::read(host).unwrap().0.closure else { return Ok(()) };
    let target_closure = TargetClosure::of_closure(&closure).unwrap();
    let fast = fast_path::unchanged(host, &target_closure);
    let plan = planner::plan(host, &target_closure.open().unwrap().on(host)).unwrap().plan;
    let nothing = plan.steps.is_empty() && plan.drift.is_empty() && plan.problems.is_empty();
    prop_assert_eq!(fast, nothing.then_some(plan));
    Ok(())
}

/// A host during a sequence.
struct Play {
    room: Room,
    host: Host,
    /// Whether the host was edited manually since the last complete run.
    edited: bool,
}

impl Play {
    fn new() -> Self {
        let room = Room::new();
        for path in &FILES[..STANDING] {
            room.write(path, &format!("stood at {path}\n"));
            room.chmod(path, 0o604);
        }
        let host = Host::open(&room.path("/")).unwrap();
        Self { room, host, edited: false }
    }

    fn apply(&mut self, closure: &str, generation: &Generation) -> Result<(), TestCaseError> {
        let report = run(&self.host, &TargetRef::Closure(closure.to_owned()));
        prop_assert!(report.outcome.is_good(), "{:?}", report.problem);
        let again = run(&self.host, &TargetRef::Closure(closure.to_owned()));
        prop_assert_eq!(again.outcome, Outcome::Unchanged, "applying twice is applying once");
        for (path, declared) in FILES.iter().zip(&generation.0) {
            match declared {
                Some((LINK, _)) => {
                    let found = fs::read_link(self.room.path(path)).unwrap();
                    prop_assert_eq!(found.to_str(), Some(TARGET));
                }
                Some((NOTHING, _)) => {
                    prop_assert!(self.room.path(path).symlink_metadata().is_err(), "{} stands", path);
                }
                Some((content, _)) => {
                    prop_assert_eq!(self.room.read(path), format!("content {content}\n"));
                }
                None => {}
            }
        }
        self.edited = false;
        check_owned(&self.room, &self.host)
    }

    fn roll_back(&mut self) -> Result<(), TestCaseError> {
        let report = run(&self.host, &TargetRef::Generation(GenerationRef::Previous));
        let nowhere = report.problem.as_ref().is_some_and(|problem| problem.code.as_str() == "NF-409");
        prop_assert!(report.outcome.is_good() || nowhere, "{:?}", report.problem);
        self.edited &= nowhere;
        Ok(())
    }

    fn there_and_back(&mut self, closure: &str, generation: &Generation) -> Result<(), TestCaseError> {
        let current = State::read(&self.host).unwrap().0.generation;
        let before = timeless(&self.room);
        let comparable = !self.edited && current.is_some();
        self.apply(closure, generation)?;
        if comparable {
            let report = run(&self.host, &TargetRef::Generation(GenerationRef::Number(current.unwrap())));
            prop_assert!(report.outcome.is_good(), "{:?}", report.problem);
            prop_assert_eq!(timeless(&self.room), before, "rolling back an apply changes nothing");
        }
        Ok(())
    }

    fn die(&mut self, closure: &str, first: usize, second: usize) -> Result<(), TestCaseError> {
        let before = timeless(&self.room);
        let output = self.room.run_killed(&["apply", "--closure", closure], first);
        let survived = output.status.success();
        self.room.run_killed(&["rollback", "--to", "99"], second);
        self.room.run(&["rollback", "--to", "99"]);
        let current = State::read(&self.host).unwrap().0.closure;
        if current.as_deref() == Some(closure) {
            self.edited = false;
            return check_owned(&self.room, &self.host);
        }
        prop_assert!(!survived, "an apply that succeeded is in force");
        prop_assert_eq!(timeless(&self.room), before, "what died before its commit never was");
        Ok(())
    }
}

fn play(moves: &[Move]) -> Result<(), TestCaseError> {
    let mut play = Play::new();
    let before = outside(&play.room);
    for (index, step) in moves.iter().enumerate() {
        let closure = |generation| closure(&play.room, &index.to_string(), generation);
        match step {
            Move::Apply(generation) => play.apply(&closure(generation), generation)?,
            Move::ThereAndBack(generation) => play.there_and_back(&closure(generation), generation)?,
            Move::Die(generation, first, second) => play.die(&closure(generation), *first, *second)?,
            Move::RollBack => play.roll_back()?,
            // Only managed files are edited, since NixFleet does not restore other files.
            Move::Edit(index) if is_managed(&play.room, FILES[*index]) => {
                play.room.write(FILES[*index], "by hand\n");
                play.edited = true;
            }
            Move::Delete(index) if is_managed(&play.room, FILES[*index]) => {
                let _ = fs::remove_file(play.room.path(FILES[*index]));
                play.edited = true;
            }
            Move::Edit(_) | Move::Delete(_) => {}
        }
        check_originals(&play.room)?;
        check_glance(&play.host)?;
    }
    let report = run(&play.host, &TargetRef::Closure(play.room.closure("nothing", &json!({}))));
    prop_assert!(report.outcome.is_good(), "{:?}", report.problem);
    prop_assert_eq!(outside(&play.room), before, "what stood there is back, what we made is gone");
    prop_assert_eq!(play.room.inspect(), "");
    Ok(())
}

/// The number of sequences. With `NIXFLEET_SOAK`, new sequences are tried for the given number of seconds.
const SEQUENCES: u32 = 48;

#[test]
fn every_sequence_ends_where_it_began() {
    let config = ProptestConfig { cases: SEQUENCES, failure_persistence: None, ..ProptestConfig::default() };
    let soak = std::env::var(ledger::SOAK).ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let begun = Instant::now();
    let mut tried = 0;
    loop {
        if let Err(failure) = TestRunner::new(config.clone()).run(&moves(), |moves| play(&moves)) {
            panic!("{failure}");
        }
        tried += SEQUENCES;
        if soak.is_none_or(|soak| begun.elapsed() >= soak) {
            break;
        }
    }
    if soak.is_some() {
        println!("{tried} sequences in {:.0} s, 0 failures", begun.elapsed().as_secs_f64());
        return;
    }
    ledger::record(
        "All or nothing",
        "sequences::every_sequence_ends_where_it_began",
        &format!("{tried} random sequences of generations, roll-backs, deaths and hand edits"),
        &[],
    );
}
