//! Tests of NixFleet on NixOS hosts. The hosts are stand-ins, whose interface the tests in `nixos` verify.

mod alone;
mod app;
mod boots;
mod failures;
mod foretold;
mod killed;
mod mixed;
/// The promise that a change is complete or undone.
const ALL_OR_NOTHING: &str = "All or nothing";
/// The promise that a change is undone unless it is confirmed.
const CONFIRMED: &str = "Confirmed over a new connection, or undone";

/// Records that a promise was kept. The row of the test in docs/internals/reliability.md must match.
#[track_caller]
fn kept(promise: &str, test: &str, tried: &str) {
    nixfleet_ledger::record(promise, &format!("nixos_hosts::{test}"), tried, &[]).unwrap();
}
