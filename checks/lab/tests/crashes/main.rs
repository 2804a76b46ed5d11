//! Real hosts are stopped in the middle of a change, in every way there is, and end in exactly the old or
//! exactly the new generation. What was tried is told in docs/internals/reliability.md.

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

/// Says what a test tried and what failed on the way; the row of the table must say the same.
#[track_caller]
fn record(promise: &str, test: &str, tried: &str, failures: &[String]) {
    nixfleet_ledger::record(promise, &format!("crashes::{test}"), tried, failures).unwrap();
}

/// Seconds to go on trying for, instead of a fixed number of times.
const SOAK: &str = "NIXFLEET_SOAK_HOSTS";

/// Says what was tried: to the table, or to whoever has it tried for long.
fn report(test: &str, tried: &str, failures: &[String]) {
    if std::env::var_os(SOAK).is_some() {
        println!("{test}: {tried}, {} failures", failures.len());
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    } else {
        record(ALL_OR_NOTHING, test, tried, failures);
    }
}
