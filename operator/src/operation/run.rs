//! Run: runs a command of the user on hosts.

use std::io;
use std::num::NonZeroUsize;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::context::Context;
use super::targets::Targets;
use crate::event::{EventKind, Phase};
use crate::host_result::{HostResult, Ran};
use crate::orchestrate::each;
use crate::remote::{self, Finished, RemoteCommand};
use crate::ssh::Session;
use crate::stop::Stop;

/// A request to run a command on hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// The hosts on which the command runs.
    pub targets: Targets,
    /// The words of the command, which reach the host exactly as given.
    pub words: Vec<String>,
    /// Whether the command runs as root.
    pub sudo: bool,
    /// The time limit of the command, in seconds.
    pub timeout: u64,
    /// Whether the output is stored in the result instead of being reported line by line.
    pub keep: bool,
}

/// A command, and the hosts on which it runs.
pub struct Run {
    command: RemoteCommand,
    sessions: Vec<Arc<Session>>,
    parallel: NonZeroUsize,
}

/// The standard input of commands on hosts.
pub trait CommandInput: Send + Sync + 'static {
    /// Opens the standard input for the command on one more host. Returns `None` if the command has nothing
    /// to read.
    ///
    /// # Errors
    /// Fails if the input cannot be opened.
    fn open(&self) -> io::Result<Option<Stdio>>;
}

impl RunRequest {
    /// Selects the hosts and prepares the command.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated.
    pub async fn prepare(&self, context: &Context) -> Result<Run, Stop> {
        let (_, sessions) = self.targets.connect(context).await?;
        let command = RemoteCommand {
            words: self.words.clone(),
            sudo: self.sudo,
            limit: Duration::from_secs(self.timeout),
            keep: self.keep,
        };
        Ok(Run { command, sessions, parallel: self.targets.at_once() })
    }
}

impl Run {
    /// Returns the names of the hosts.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.sessions.iter().map(|session| session.host().name.clone()).collect()
    }

    /// Runs the command on all hosts. `told` receives each line of output and the outcome of each host, in
    /// the order in which they occur.
    ///
    /// # Errors
    /// Fails only because of a bug.
    pub async fn carry_out(
        self,
        input: Arc<impl CommandInput>,
        told: Sender<EventKind>,
        context: &Context,
    ) -> Result<Vec<HostResult>, Stop> {
        context.interrupt.hosts_are_changing();
        let names = self.hosts();
        let ran = each(self.sessions, self.parallel, &context.interrupt, |session| {
            let (command, input, told) = (self.command.clone(), Arc::clone(&input), told.clone());
            let events = context.events.clone();
            async move {
                let host = session.host().name.clone();
                let began = Instant::now();
                events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Running });
                let result = result(&host, one(&session, &command, &*input, &told).await);
                // The outcome is sent on `told` and not on the bus, so that it follows the output lines of
                // the host that are still queued. Sending cannot fail, because the receiver reads until the
                // last sender is dropped.
                let _ = told.send(EventKind::HostEnded(result.end(began.elapsed()))).await;
                result
            }
        });
        let ran = names.into_iter().zip(ran.await?);
        Ok(ran.map(|(name, ran)| ran.unwrap_or_else(|| HostResult::new(name, Outcome::Skipped))).collect())
    }
}

async fn one(
    session: &Session,
    command: &RemoteCommand,
    input: &impl CommandInput,
    told: &Sender<EventKind>,
) -> Result<Finished, Problem> {
    let input = input.open().map_err(|error| {
        Problem::new(Code::Usage, "the standard input cannot be passed to the hosts").because(error)
    })?;
    remote::run(session, command, input, told).await
}

fn result(name: &str, ran: Result<Finished, Problem>) -> HostResult {
    match ran {
        Err(problem) => HostResult::failed(name, problem),
        Ok(Finished { exit, output, problem }) => {
            let outcome = if exit == 0 { Outcome::Ok } else { Outcome::Failed };
            let [stdout, stderr] = output.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let run = Some(Ran { exit_code: exit, stdout, stderr });
            HostResult { run, problem, ..HostResult::new(name, outcome) }
        }
    }
}
