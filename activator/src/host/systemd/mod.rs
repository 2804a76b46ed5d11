//! Units, through `systemctl`.
//!
//! - [`state`][]: how units stand
//! - [`presence`][]: whether there is such a unit
//! - [`wiring`][]: what they wait for, what they start, and how long that may take
//! - [`order`][]: in which order several of them are started, restarted and stopped
//! - [`verb`][]: what can be done to one
//! - [`job`][]: the doing, and how it went
//! - [`watch`][]: whether what was started stays up
//! - [`running`][]: all that runs, and what is started and stopped along with units
//! - [`verdict`][]: why a unit is not where it should be

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
pub use running::Running;
pub use state::{Refuses, UnitState};
pub use verb::Verb;
pub use verdict::standing;
pub use watch::{FIRST_MOMENTS, Watch};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;

use super::Host;
use super::command::{self, Finished};

/// How long a question may take.
const QUERY_LIMIT: Duration = Duration::from_secs(60);
/// How long systemd may take to read all its unit files: generators run, on some hosts slow ones.
const RELOAD_LIMIT: Duration = Duration::from_secs(200);

/// The systemd of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Systemd(());

impl Systemd {
    /// The systemd of a host; nothing for a tree of files, or where another init runs.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        (host.is_machine() && Path::new("/run/systemd/system").is_dir()).then_some(Self(()))
    }

    /// Makes systemd read its unit files again.
    ///
    /// # Errors
    /// [`Code::Unit`].
    pub fn daemon_reload(self) -> Result<(), Problem> {
        let finished =
            command::run(&["systemctl", "daemon-reload"], RELOAD_LIMIT).map_err(|error| no_answer(&error))?;
        if finished.success() {
            return Ok(());
        }
        Err(Problem::new(Code::Unit, "systemd could not read its unit files again").because(finished.why()))
    }

    /// Does one thing to several units without waiting for it.
    ///
    /// # Errors
    /// [`Code::Unit`] where systemd does not take the job.
    pub fn queue(self, verb: Verb, units: &[&UnitName]) -> Result<(), Problem> {
        if units.is_empty() {
            return Ok(());
        }
        query(&["--no-block", verb.as_str(), "--"], units).map(drop)
    }

    /// Has systemd look anew at what a booting host should start, without waiting for it.
    ///
    /// # Errors
    /// [`Code::Unit`] where systemd does not answer.
    pub fn boot_on(self) -> Result<(), Problem> {
        query(&["--no-block", "start", "default.target"], &[]).map(drop)
    }

    /// Forgets that units failed and how often they were started of late: a unit that was started too often
    /// is not started once more even when it is right at last.
    pub fn reset_failed(self, units: &[&UnitName]) {
        if !units.is_empty() {
            // Ignore errors: a unit that is gone cannot be reset and need not be, and the others are reset
            // anyway.
            let _ = command::run(&systemctl(&["reset-failed", "--"], units), QUERY_LIMIT);
        }
    }
}

fn systemctl(words: &[&str], units: &[&UnitName]) -> Vec<String> {
    let words = ["systemctl"].iter().chain(words).map(ToString::to_string);
    words.chain(units.iter().map(ToString::to_string)).collect()
}

fn query(words: &[&str], units: &[&UnitName]) -> Result<Finished, Problem> {
    let finished = command::run(&systemctl(words, units), QUERY_LIMIT).map_err(|error| no_answer(&error))?;
    if finished.success() {
        return Ok(finished);
    }
    Err(Problem::new(Code::Unit, "systemd did not answer").because(finished.why()))
}

fn no_answer(error: &std::io::Error) -> Problem {
    Problem::new(Code::Unit, "systemctl could not be run").because(error)
}
