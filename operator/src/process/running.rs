//! Something that runs: a program here, or a command on a host over a connection that is open already.

use std::io;
use std::pin::Pin;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::sync::oneshot;

use super::Failure;
use super::streams::{Ours, Theirs, streams};
use super::told::Told;

/// How it ends. Dropped before that, it is given up.
type End = Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send>>;

/// Comes when all that something has to say was read. Whoever asks for its end before that may cut off its
/// last words.
pub type Drained = oneshot::Receiver<()>;

/// Something that runs, or is about to.
pub struct Running {
    /// Our ends of its streams.
    pub(super) ours: Ours,
    /// To be dropped when nothing more is read.
    pub(super) draining: oneshot::Sender<()>,
    /// How it ends.
    pub(super) end: End,
}

impl Running {
    /// Starts something that is given these streams. Without `input` it reads nothing.
    ///
    /// # Errors
    /// There are no streams to be had, or `start` fails.
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

/// A program of ours. Dropped before it ends, it is killed, and with it whatever it has started that has not
/// gone its own way.
#[derive(Debug)]
pub struct OwnedProcess {
    child: Child,
    group: Option<Pid>,
    told: Option<Told>,
}

impl OwnedProcess {
    /// Of the leader of a process group.
    pub(super) fn new(child: Child, told: Told) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, group, told: Some(told) }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) async fn end(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.group = None;
        if let (Some(told), Ok(status)) = (self.told.take(), &status) {
            told.ended(*status);
        }
        status
    }

    /// Waits for its end once all that it says was read: until then what it has started can be ended with it.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn end_behind(self, drained: Drained) -> io::Result<ExitStatus> {
        // It is dropped, not sent.
        let _ = drained.await;
        self.end().await
    }
}

impl Drop for OwnedProcess {
    fn drop(&mut self) {
        // They may have ended by now.
        let _ = self.group.map(|group| kill_process_group(group, Signal::KILL));
    }
}
