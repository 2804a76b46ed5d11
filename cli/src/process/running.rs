//! Something that runs: a program here, or a command on a host over a connection that is open already.

use std::io;
use std::pin::Pin;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

use super::Failure;
use super::streams::{Ours, Theirs, streams};

/// How it ends. Dropped before that, it is given up.
type End = Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send>>;

/// Something that runs, or is about to.
pub struct Running {
    /// Our ends of its streams.
    pub(super) ours: Ours,
    /// How it ends.
    pub(super) end: End,
}

impl Running {
    /// Starts something that is given these streams. Without `input` it reads nothing.
    ///
    /// # Errors
    /// There are no streams to be had, or `start` fails.
    pub fn start<E>(input: bool, start: impl FnOnce(Theirs) -> io::Result<E>) -> Result<Self, Failure>
    where
        E: Future<Output = io::Result<ExitStatus>> + Send + 'static,
    {
        let begun = streams(input).and_then(|(theirs, ours)| Ok((ours, start(theirs)?)));
        let (ours, end) = begun.map_err(Failure::Start)?;
        Ok(Self { ours, end: Box::pin(end) })
    }
}

/// A program of ours. Dropped before it ends, it is killed, and with it whatever it has started that has not gone its own way.
pub(super) struct Owned {
    child: Child,
    group: Option<Pid>,
}

impl Owned {
    /// Of the leader of a process group.
    pub(super) fn new(child: Child) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, group }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) async fn end(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.group = None;
        status
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // They may have ended by now.
        let _ = self.group.map(|group| kill_process_group(group, Signal::KILL));
    }
}
