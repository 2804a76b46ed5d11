//! A running program on this machine, or a running command on a host over an open connection.

use std::io;
use std::pin::Pin;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::sync::oneshot;

use super::Failure;
use super::log::ProcessLog;
use super::streams::{Ours, Theirs, streams};

/// A future that resolves to the exit status. Dropping the future before it resolves abandons the program.
type End = Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send>>;

/// A future that resolves when all output of a program has been read. If the exit status is requested before
/// this future resolves, the last output may be lost.
pub type Drained = oneshot::Receiver<()>;

/// A program or command that is running or about to start.
pub struct Running {
    /// This process's ends of the program's standard streams.
    pub(super) ours: Ours,
    /// The sender to drop when no more output will be read.
    pub(super) draining: oneshot::Sender<()>,
    /// The future that resolves to the exit status of the program.
    pub(super) end: End,
}

impl Running {
    /// Starts a program or command with `start`, which receives the program's ends of the standard streams.
    /// Without `input`, the standard input is empty.
    ///
    /// # Errors
    /// The streams cannot be created, or `start` fails.
    pub fn start<E>(
        input: bool,
        start: impl FnOnce(Theirs, Drained) -> io::Result<E>,
    ) -> Result<Self, Failure>
    where
        E: Future<Output = io::Result<ExitStatus>> + Send + 'static,
    {
        let (draining, drained) = oneshot::channel();
        let begun = streams(input).and_then(|(theirs, ours)| Ok((ours, start(theirs, drained)?)));
        let (ours, end) = begun.map_err(Failure::Start)?;
        Ok(Self { ours, draining, end: Box::pin(end) })
    }
}

/// A program that this process started. If this value is dropped before the program ends, the program is
/// killed, and with it all processes that have stayed in its process group.
#[derive(Debug)]
pub struct OwnedProcess {
    child: Child,
    group: Option<Pid>,
    log: Option<ProcessLog>,
}

impl OwnedProcess {
    /// Takes ownership of a child that leads a process group.
    pub(super) fn new(child: Child, log: ProcessLog) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, group, log: Some(log) }
    }

    /// Returns the id of the process, as long as the program may be running.
    pub(super) const fn id(&self) -> Option<Pid> {
        self.group
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// The kernel reports an error.
    pub(super) async fn end(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.group = None;
        if let (Some(log), Ok(status)) = (self.log.take(), &status) {
            log.ended(*status);
        }
        status
    }

    /// Waits until all output has been read, and then for the end of the program. If the future is dropped
    /// before the program ends, the program and the processes that it has started are killed.
    ///
    /// # Errors
    /// The kernel reports an error.
    pub async fn end_after_output(self, drained: Drained) -> io::Result<ExitStatus> {
        // The sender is dropped without sending a value, so this wait always ends with an error, which is
        // ignored.
        let _ = drained.await;
        self.end().await
    }
}

impl Drop for OwnedProcess {
    fn drop(&mut self) {
        // Killing fails if the processes have ended already.
        let _ = self.group.map(|group| kill_process_group(group, Signal::KILL));
    }
}
