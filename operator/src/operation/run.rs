//! Run: a command of the user on hosts.

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

/// A wish to run a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// On which hosts.
    pub targets: Targets,
    /// Its words, which arrive on the host exactly as given.
    pub words: Vec<String>,
    /// Whether it runs as root.
    pub sudo: bool,
    /// How long it may take, in seconds.
    pub timeout: u64,
    /// Whether its output is kept in the result, in place of being told line by line.
    pub keep: bool,
}

/// A command, and the hosts that it is for.
pub struct Run {
    command: RemoteCommand,
    sessions: Vec<Arc<Session>>,
    parallel: NonZeroUsize,
}

/// What commands on hosts read.
pub trait CommandInput: Send + Sync + 'static {
    /// The end from which the command of one more host reads, if it reads anything.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self) -> io::Result<Option<Stdio>>;
}

impl RunRequest {
    /// Finds the hosts.
    ///
    /// # Errors
    /// The fleet cannot be evaluated.
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
    /// The names of the hosts.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.sessions.iter().map(|session| session.host().name.clone()).collect()
    }

    /// Runs it. `told`: who is told each line of output, and each host that has ended, in the order in which
    /// that comes.
    ///
    /// # Errors
    /// Only a bug.
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
                // After the lines that still wait to be told. Whoever listens does so to the end.
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
        Problem::new(Code::Usage, "the standard input cannot be handed on").because(error)
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
