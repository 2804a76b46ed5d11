//! The packages of a Debian or Ubuntu host, and the questions that apt answers about them.
//!
//! - [`archive`][]: the files of a package that is not installed yet
//! - [`cache`]: the files that apt has downloaded and kept
//! - [`debconf`]: the answers to the questions of packages
//! - [`dpkg`][]: the packages that dpkg has installed
//! - [`hook`][]: the program that apt starts to tell what a transaction would change
//! - [`simulation`][]: a transaction that apt only simulates
//! - [`guard`][]: the check of a transaction just before dpkg carries it out
//! - [`lock`][]: the process that holds the lock of apt or dpkg
//! - [`sizes`]: the sizes of installed packages
//! - [`relations`]: what installed packages need and provide
//! - [`transaction`]: a transaction that apt carries out
//! - [`offers`][]: the versions that package sources offer

pub mod archive;
pub mod cache;
pub mod debconf;
pub mod dpkg;
pub mod guard;
pub mod hook;
pub mod lock;
pub mod offers;
pub mod relations;
pub mod simulation;
pub mod sizes;
pub mod transaction;

use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};

use super::command::{self, Finished};

/// Time limit for a question to apt or dpkg, which changes nothing.
const QUESTION: Duration = Duration::from_secs(120);

/// Asks a tool of apt or dpkg. The tool changes nothing.
fn ask(argv: &[&str]) -> Result<Finished, Problem> {
    command::run(argv, QUESTION).map_err(|error| {
        Problem::new(Code::Packages, format!("failed to run {}", argv[0]))
            .because(error)
            .help("check that apt and dpkg work on the host")
    })
}

/// Returns what a tool of apt or dpkg answers.
///
/// # Errors
/// Fails with [`Code::Packages`] if the tool fails.
fn answer(argv: &[&str]) -> Result<String, Problem> {
    let finished = ask(argv)?;
    if finished.success() {
        return Ok(finished.stdout);
    }
    Err(Problem::new(Code::Packages, format!("{} failed", argv[0]))
        .because(finished.why())
        .help("check that apt and dpkg work on the host"))
}
