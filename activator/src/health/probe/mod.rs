//! One attempt at a health check.
//!
//! - [`mod@unit`]: probe that a unit stays active
//! - [`http`][]: probe of a web server over plain HTTP
//! - [`curl`][]: probe of a web server over TLS, with the `curl` program of the machine
//! - [`tcp`]: probe of a TCP port
//! - [`address`]: resolution of host names to addresses

pub mod address;
pub mod curl;
pub mod http;
pub mod tcp;
pub mod unit;

use std::time::Duration;

use nixfleet_contract::health::check::{Check, Probe};

use super::run::Call;
use super::vantage::Vantage;
use crate::host::command;

/// A short description of the result of a successful attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(pub String);

/// The result of one attempt: a finding, or the reason for the failure.
pub type Attempt = Result<Finding, String>;

/// Runs a check once.
///
/// # Errors
/// Fails with the reason why the attempt failed.
pub fn attempt(check: &Check, from: &Vantage, call: &Call) -> Attempt {
    let limit = Duration::from_secs(check.timeout);
    match &check.probe {
        Probe::Unit { unit, stable_for } => {
            unit::attempt(unit, Duration::from_secs(*stable_for), limit, call)
        }
        Probe::Http(http) if http.url.is_tls() => curl::attempt(http, from, limit, call),
        Probe::Http(http) => http::attempt(http, from, limit),
        Probe::Tcp { host, port } => tcp::attempt(host, *port, from, limit),
        Probe::Command { command } => run(command, &from.path, limit, call),
    }
}

/// Runs a command. The attempt succeeds if the command ends with exit code 0.
fn run(words: &[String], path: &str, limit: Duration, call: &Call) -> Attempt {
    let program = words.first().map_or("", String::as_str);
    let finished = command::run_from(path, words, limit, || call.is_off())
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    let last = || finished.stdout.trim().lines().next_back().unwrap_or_default().to_owned();
    if finished.success() {
        let last = last();
        return Ok(Finding(if last.is_empty() { "exit code 0".to_owned() } else { last }));
    }
    let late = || format!("it did not end within {} s", limit.as_secs());
    Err(finished.failure(|words| words).unwrap_or_else(late))
}
