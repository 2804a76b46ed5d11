//! Interrupts changes on real hosts in many ways, and verifies that each host ends in exactly the old or
//! exactly the new generation. docs/internals/reliability.md lists what the tests try.

mod accounts;
mod chance;
mod field;
mod nixos;
mod room;
mod sight;
mod survey;
mod walk;
mod window;

use crate::stage::SOAK;

const ALL_OR_NOTHING: &str = "All or nothing";

/// Records what a test tried and which trials failed. The row of the test in docs/internals/reliability.md
/// must match.
#[track_caller]
fn record(promise: &str, test: &str, tried: &str, failures: &[String]) {
    nixfleet_ledger::record(promise, &format!("crashes::{test}"), tried, failures).unwrap();
}

/// Records what was tried and which trials failed, or only prints the result if [`SOAK`] is set.
fn report(test: &str, tried: &str, failures: &[String]) {
    if std::env::var_os(SOAK).is_some() {
        println!("{test}: {tried}, {} failures", failures.len());
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    } else {
        record(ALL_OR_NOTHING, test, tried, failures);
    }
}
