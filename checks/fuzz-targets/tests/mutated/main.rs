//! Runs each fuzz target with its committed seeds and with mutated seeds. The inputs are the same in every
//! run, whereas `make fuzz` tries new inputs, guided by the coverage of the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod mutator;
mod random;
mod spans;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use corpus::{Corpus, FUZZ, names};
use mutator::Mutator;
use nixfleet_fuzz_targets::{FuzzTarget, TARGETS};

/// The start value of the random numbers for the mutations. A different start value gives different inputs.
const START: u64 = 1;

/// If no further target ends within this time, the targets that still run count as hanging.
const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn every_input_is_refused_or_harmless() {
    let (ended, results) = mpsc::channel();
    let mut running = BTreeMap::new();
    for target in TARGETS {
        let (ended, input) = (ended.clone(), TriedInput::create(target.name));
        running.insert(target.name, input.path.clone());
        let run = move || ended.send((target.name, try_all(target, input)));
        // The target's name is the name of the thread, so it is shown with a panic or a stack overflow.
        thread::Builder::new().name(target.name.to_owned()).spawn(run).unwrap();
    }
    let (mut tried, mut failures) = (0, Vec::new());
    while !running.is_empty() {
        let Ok((target, result)) = results.recv_timeout(LIMIT) else { break };
        let path = running.remove(target).unwrap();
        match result {
            Ok(inputs) => tried += inputs,
            Err(()) => failures.push(format!("{target}: the input that failed is in {}", path.display())),
        }
    }
    failures.extend(
        running
            .into_iter()
            .map(|(target, path)| format!("{target}: no end to the input in {}", path.display())),
    );
    let promise = "Every document that others may have written is refused or harmless";
    let tried = format!("{tried} seeds of {} fuzz targets, most of them mutated", TARGETS.len());
    nixfleet_ledger::record(promise, "mutated::every_input_is_refused_or_harmless", &tried, &failures)
        .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn every_target_has_seeds_and_a_program_for_libfuzzer() {
    let mut targets = TARGETS.map(|target| target.name.to_owned());
    targets.sort();
    assert_eq!(names(&Path::new(FUZZ).join("seeds")), targets);
    assert_eq!(names(&Path::new(FUZZ).join("targets")), targets.map(|name| name + ".rs"));
}

/// Returns how many mutated seeds are tried with a target. With these numbers, all targets together take
/// about 15 seconds of processor time in a build without optimization. The target `shown` takes half of this
/// time, because it formats each input about 50 times.
fn mutated(target: &str) -> usize {
    match target {
        "shown" => 200,
        "answer" => 1500,
        _ => 3000,
    }
}

/// Tries the inputs of a target one by one until an input fails. If no input fails, returns the number of
/// inputs.
fn try_all(target: FuzzTarget, mut tried: TriedInput) -> Result<usize, ()> {
    let corpus = Corpus::of(target.name);
    let mut mutator = Mutator::new(&corpus, START);
    let mutated = (0..mutated(target.name)).map(|_| mutator.input());
    let mut inputs = 0;
    for input in corpus.seeds.iter().cloned().chain(mutated) {
        tried.write(&input);
        catch_unwind(AssertUnwindSafe(|| (target.check)(&input))).map_err(|_| ())?;
        inputs += 1;
    }
    fs::remove_file(tried.path).unwrap();
    Ok(inputs)
}

/// The file with the input that is being tried. It is written before the input is tried, so it exists even if
/// the input ends the whole process.
struct TriedInput {
    path: PathBuf,
    file: File,
}

impl TriedInput {
    fn create(target: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}-{}", std::process::id()));
        Self { file: File::create(&path).unwrap(), path }
    }

    fn write(&mut self, input: &[u8]) {
        self.file.rewind().unwrap();
        self.file.write_all(input).unwrap();
        self.file.set_len(input.len().try_into().unwrap()).unwrap();
    }
}
