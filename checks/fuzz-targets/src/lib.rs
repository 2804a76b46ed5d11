//! The fuzz targets: each gives an input to a parser or a rendering, and checks the result.
//!
//! The tests of this crate try each target with mutated seeds. The programs in `fuzz/` give the targets to
//! libFuzzer.

// A check panics if it fails, as a test does.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answer;
#[path = "../../../activator/tests/it/harmless.rs"]
mod harmless;
#[path = "../../../cli/src/render/held.rs"]
mod held;
mod shown;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target, of the folder of its seeds, and of its program in `fuzz/`.
    pub name: &'static str,
    /// Tries an input. It panics if a check fails.
    pub check: fn(&[u8]),
}

/// All fuzz targets.
pub const TARGETS: [Target; 6] = [
    // The parser of manifests, which operators send to hosts.
    Target { name: "manifest", check: |document| _ = harmless::manifest(document) },
    // The parser of intents, and the builder that makes manifests from them.
    Target { name: "intent", check: |document| _ = harmless::intent(document) },
    // The parser of recorded states, which may be damaged on disk.
    Target { name: "state", check: |document| _ = harmless::state(document) },
    // The parser of journals, which may be damaged on disk.
    Target { name: "journal", check: |document| _ = harmless::journal(document) },
    // The parser of answers from hosts, and the output of text from these answers on a terminal.
    Target { name: "answer", check: answer::check },
    // The output of each command for answers from hosts.
    Target { name: "shown", check: shown::check },
];

/// Tries an input with the target of that name.
///
/// # Panics
/// Panics if a check fails, or if there is no such target.
pub fn check(name: &str, input: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.check)(input),
        None => panic!("no fuzz target has the name {name}"),
    }
}
