//! Any sequence of generations and hand edits: what is applied is in force, and in the end everything is as it was.

use std::fs;

use nixfleet_activate::engine::apply::{Goal, apply};
use nixfleet_activate::engine::target::Wanted;
use nixfleet_activate::host::Host;
use nixfleet_activate::host::lock::Holder;
use nixfleet_activate::report::{Outcome, Report};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::room::{Room, directory, file, with};

/// Files that may be managed; the first three stand there before.
const FILES: [&str; 6] = ["/etc/a", "/etc/b", "/srv/deep/c", "/srv/deep/d", "/srv/e", "/opt/x/y/z"];
const STANDING: usize = 3;

/// What a generation says about each file: absent, or content and mode; and which directories it names.
type Generation = (Vec<Option<(u8, bool)>>, bool);

#[derive(Clone, Debug)]
enum Move {
    Apply(Generation),
    RollBack,
    Edit(usize),
    Delete(usize),
}

fn generation() -> impl Strategy<Value = Generation> {
    let files = prop::collection::vec(prop::option::of((0..3_u8, any::<bool>())), FILES.len());
    (files, any::<bool>())
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => generation().prop_map(Move::Apply),
        1 => Just(Move::RollBack),
        1 => (0..FILES.len()).prop_map(Move::Edit),
        1 => (0..FILES.len()).prop_map(Move::Delete),
    ];
    prop::collection::vec(one, 1..7)
}

fn lists((files, directories): &Generation) -> Value {
    let files = FILES.iter().zip(files).filter_map(|(path, wanted)| {
        let (content, narrow) = wanted.as_ref()?;
        let file = with(file(path, Some(&format!("content {content}\n"))), "onConflict", "backup");
        Some(with(file, "mode", if *narrow { "0600" } else { "0644" }))
    });
    let directories = if *directories {
        json!([directory("/srv/deep", "0700"), directory("/srv/more", "0755")])
    } else {
        json!([])
    };
    json!({ "files": files.collect::<Vec<_>>(), "directories": directories })
}

fn run(host: &Host, goal: &Goal) -> Report {
    apply(host, goal, None, Holder::current("me", "apply"))
}

/// What is managed now, as the host says it.
fn is_managed(room: &Room, path: &str) -> bool {
    room.inspect().lines().any(|line| line.starts_with(&format!("{path}: file")))
}

fn play(moves: &[Move]) -> Result<(), TestCaseError> {
    let room = Room::new();
    for path in &FILES[..STANDING] {
        room.write(path, &format!("stood at {path}\n"));
        room.chmod(path, 0o604);
    }
    let outside = |room: &Room| {
        let tree = room.tree("/");
        tree.lines()
            .filter(|line| !line.starts_with("/nix") && !line.starts_with("/var/lib/nixfleet"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = outside(&room);
    let host = Host::open(&room.path("/")).unwrap();
    for (index, step) in moves.iter().enumerate() {
        match step {
            Move::Apply(generation) => {
                let closure = room.closure(&index.to_string(), &lists(generation));
                let report = run(&host, &Goal::Closure(closure.clone()));
                prop_assert!(report.outcome.is_good(), "{:?}", report.problem);
                let again = run(&host, &Goal::Closure(closure));
                prop_assert_eq!(again.outcome, Outcome::Unchanged, "applying twice is applying once");
                for (path, wanted) in FILES.iter().zip(&generation.0) {
                    if let Some((content, _)) = wanted {
                        prop_assert_eq!(room.read(path), format!("content {content}\n"));
                    }
                }
            }
            Move::RollBack => {
                let report = run(&host, &Goal::Generation(Wanted::Previous));
                let nowhere =
                    report.problem.as_ref().is_some_and(|problem| problem.code.as_str() == "NF-409");
                prop_assert!(report.outcome.is_good() || nowhere, "{:?}", report.problem);
            }
            // Only what is managed: the rest is not ours to bring back.
            Move::Edit(index) if is_managed(&room, FILES[*index]) => room.write(FILES[*index], "by hand\n"),
            Move::Delete(index) if is_managed(&room, FILES[*index]) => {
                let _ = fs::remove_file(room.path(FILES[*index]));
            }
            Move::Edit(_) | Move::Delete(_) => {}
        }
    }
    let report = run(&host, &Goal::Closure(room.closure("nothing", &json!({}))));
    prop_assert!(report.outcome.is_good(), "{:?}", report.problem);
    prop_assert_eq!(outside(&room), before, "what stood there is back, what we made is gone");
    prop_assert_eq!(room.inspect(), "");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_ends_where_it_began(moves in moves()) {
        play(&moves)?;
    }
}
