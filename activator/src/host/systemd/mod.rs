//! Units, managed through `systemctl`.
//!
//! - [`state`][]: the states of units
//! - [`presence`][]: the existence of units on the host
//! - [`wiring`][]: ordering, triggers and time limits of units
//! - [`order`][]: the order in which units are started, restarted and stopped
//! - [`verb`][]: the actions on units
//! - [`job`][]: execution of actions on units
//! - [`watch`][]: checks that started units stay up
//! - [`running`][]: the running units, and the units that systemd starts and stops along with others
//! - [`verdict`][]: reasons why a unit is not in the expected state

mod job;
mod order;
mod presence;
mod running;
mod span;
mod state;
mod verb;
mod verdict;
mod watch;
mod wiring;

use std::path::Path;
use std::time::Duration;

pub use job::Job;
pub use presence::DIRECTORIES;
pub use running::{Running, failed};
pub use state::{Refuses, UnitState};
pub use verb::Verb;
pub use verdict::{describe, standing};
pub use watch::{FIRST_MOMENTS, Watch};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;

use super::Host;
use super::command::{self, Finished};

/// The time limit for a query.
const QUERY_LIMIT: Duration = Duration::from_secs(60);
/// The time limit for a reload of all unit files. It is long because systemd also runs generators, some of
/// which are slow.
const RELOAD_LIMIT: Duration = Duration::from_secs(200);

/// The systemd instance of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Systemd(());

impl Systemd {
    /// Returns the systemd of a host. Returns `None` for a tree of files, or if the machine runs another init
    /// system.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        (host.is_machine() && Path::new("/run/systemd/system").is_dir()).then_some(Self(()))
    }

    /// Makes systemd reload its unit files.
    ///
    /// # Errors
    /// Fails with [`Code::Unit`].
    pub fn daemon_reload(self) -> Result<(), Problem> {
        let finished =
            command::run(&["systemctl", "daemon-reload"], RELOAD_LIMIT).map_err(|error| no_answer(&error))?;
        if finished.success() {
            return Ok(());
        }
        Err(Problem::new(Code::Unit, "systemd could not reload its unit files").because(finished.why()))
    }

    /// Queues the same action on several units, without waiting for the result.
    ///
    /// # Errors
    /// Fails with [`Code::Unit`] if systemd does not accept the jobs.
    pub fn queue(self, verb: Verb, units: &[&UnitName]) -> Result<(), Problem> {
        if units.is_empty() {
            return Ok(());
        }
        query(&["--no-block", verb.as_str(), "--"], units).map(drop)
    }

    /// Queues another start of `default.target`, without waiting for it, so that systemd determines again
    /// which units a booting host needs.
    ///
    /// # Errors
    /// Fails with [`Code::Unit`] if systemd does not respond.
    pub fn boot_on(self) -> Result<(), Problem> {
        query(&["--no-block", "start", "default.target"], &[]).map(drop)
    }

    /// Resets the failed state and the start counters of units. Without a reset, systemd refuses to start a
    /// unit that was started too often recently, even after the unit has been corrected.
    pub fn reset_failed(self, units: &[&UnitName]) {
        if !units.is_empty() {
            // Ignore errors: `systemctl` fails if a unit does not exist, but still resets the other units.
            let _ = command::run(&systemctl(&["reset-failed", "--"], units), QUERY_LIMIT);
        }
    }
}

fn systemctl(words: &[&str], units: &[&UnitName]) -> Vec<String> {
    let words = ["systemctl"].iter().chain(words).map(ToString::to_string);
    words.chain(units.iter().map(ToString::to_string)).collect()
}

fn query(words: &[&str], units: &[&UnitName]) -> Result<Finished, Problem> {
    ask(&systemctl(words, units))
}

/// Runs a query. The first word is the program.
fn ask<S: AsRef<std::ffi::OsStr>>(argv: &[S]) -> Result<Finished, Problem> {
    let finished = command::run(argv, QUERY_LIMIT).map_err(|error| no_answer(&error))?;
    if finished.success() {
        return Ok(finished);
    }
    Err(Problem::new(Code::Unit, "systemd did not answer").because(finished.why()))
}

fn no_answer(error: &std::io::Error) -> Problem {
    Problem::new(Code::Unit, "systemctl could not be run").because(error)
}
