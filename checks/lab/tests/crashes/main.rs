//! Interrupts changes on real hosts in many ways, and verifies that each host ends in exactly the old or
//! exactly the new generation. docs/internals/reliability.md lists what the tests try.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod chance;
mod field;
mod room;
mod sight;
mod survey;
mod walk;
mod window;

const ALL_OR_NOTHING: &str = "All or nothing";

/// Records what a test tried and which trials failed. The row of the test in docs/internals/reliability.md
/// must match.
#[track_caller]
fn record(promise: &str, test: &str, tried: &str, failures: &[String]) {
    nixfleet_ledger::record(promise, &format!("crashes::{test}"), tried, failures).unwrap();
}

/// The environment variable with the number of seconds to run the trials for, instead of a fixed number of
/// trials.
const SOAK: &str = "NIXFLEET_SOAK_HOSTS";

/// Records what was tried, or prints it if the trials run for a given time.
fn report(test: &str, tried: &str, failures: &[String]) {
    if std::env::var_os(SOAK).is_some() {
        println!("{test}: {tried}, {} failures", failures.len());
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    } else {
        record(ALL_OR_NOTHING, test, tried, failures);
    }
}
