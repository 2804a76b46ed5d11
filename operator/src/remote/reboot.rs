//! Reboots a host, and waits until it has booted.

use std::time::Duration;

use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::os::reboot::RebootAnswer;
use nixfleet_contract::problem::{Code, Problem};
use tokio::time::Instant;

use super::{ask, not_managed};
use crate::diagnostics::retried;
use crate::process::Output;
use crate::ssh::Session;

/// The pauses between two attempts to reach a host that boots.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// The time limit for one attempt to reach a host that boots.
const ATTEMPT: Duration = Duration::from_secs(30);

/// How a host is after a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booted {
    /// The id of the boot.
    pub boot_id: String,
    /// What `systemctl is-system-running` prints, such as `running` or `degraded`.
    pub state: String,
    /// The units that failed.
    pub failed: Vec<String>,
}

/// Asks a host to reboot now. `boot_id`: the id of its present boot.
///
/// # Errors
/// The host cannot be reached, is not managed, has booted since, or another run or apt is changing it.
pub async fn reboot(session: &Session, boot_id: &str) -> Result<(), Problem> {
    let answer =
        ask(session, include_str!("scripts/reboot.sh"), &[boot_id], Vec::new(), session.to_answer()).await?;
    if answer.activator.is_none() {
        return Err(not_managed(session));
    }
    answer.document::<RebootAnswer>().map(drop)
}

/// Asks a host for its boot id, its state and its failed units. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached.
pub async fn booted(session: &Session) -> Result<Booted, Problem> {
    let script = include_str!("scripts/booted.sh");
    read(session, &session.script(script, &[], Vec::new(), session.to_answer()).await?)
}

/// Waits until a host has another boot id, and all its units have started or failed. Each attempt is a new
/// SSH connection. `before`: the boot id before the reboot.
///
/// # Errors
/// The host did not come back within its time limit for a boot. The problem says what was seen last.
pub async fn await_boot(session: &Session, before: &str) -> Result<Booted, Problem> {
    let deadline = Instant::now() + session.to_boot();
    let (mut backoff, mut attempt) = (Backoff::new(PAUSES.0, PAUSES.1), 0);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = ATTEMPT.min(left);
        let script = include_str!("scripts/booted.sh");
        let seen = session.script_over_new_connection(script, &[], Vec::new(), limit).await;
        let last = match seen.and_then(|output| read(session, &output)) {
            // For a moment after the request, the host still answers with its old boot id.
            Ok(booted) if booted.boot_id == before => {
                Problem::new(Code::Unreachable, "the host has not shut down")
            }
            Ok(booted) if booted.state == "starting" || booted.state == "initializing" => {
                Problem::new(Code::Unreachable, "the host is still starting")
            }
            Ok(booted) => return Ok(booted),
            Err(problem) => problem,
        };
        if Instant::now() >= deadline {
            return Err(not_back(session, last));
        }
        attempt += 1;
        let pause = backoff.pause();
        retried("finding the host after its reboot", attempt, pause, &last);
        tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

/// Reads the answer: the boot id, the state of the system, and a failed unit in each further line.
fn read(session: &Session, output: &Output) -> Result<Booted, Problem> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines().skip_while(|line| *line != "@booted").skip(1).map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(boot_id), Some(state)) => Ok(Booted { boot_id, state, failed: lines.collect() }),
        _ => Err(Problem::new(Code::BadAnswer, "the host did not tell its boot id").at(&session.host().name)),
    }
}

fn not_back(session: &Session, last: Problem) -> Problem {
    let (name, seconds) = (&session.host().name, session.to_boot().as_secs());
    let seen = last.why.map_or_else(|| last.what.clone(), |why| format!("{}: {why}", last.what));
    Problem::new(Code::Unreachable, format!("the host did not come back within {seconds} s of its reboot"))
        .at(name)
        .because(format!("seen last: {seen}"))
        .help(format!(
            "look at the console of the host; if the host only needs longer, raise hosts.{name}.timeouts.boot"
        ))
}
