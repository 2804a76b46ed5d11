//! The window in which a change has to be confirmed over a new connection.

use std::time::{Duration, Instant};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::{Confirmation, Notice};

use crate::host::transcript::Transcript;

/// A window that opens once everything is done and before anything counts as done. Whatever ends it without a
/// confirmation, be it a crash, the change is undone.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Where the confirmation is asked for, and comes in.
    pub transcript: &'a Transcript,
    /// How long it stays open.
    pub limit: Duration,
}

impl Window<'_> {
    /// Asks for the confirmation, and allows whoever confirms some time more for what they try first. Returns until when
    /// it has to come.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn open(&self, patience: Duration) -> Result<Instant, Problem> {
        let limit = self.limit + patience;
        let deadline = Instant::now() + limit;
        let notice = Notice::awaiting(self.transcript.run().clone(), limit.as_secs());
        self.transcript.say(&notice).map(|()| deadline)
    }

    /// Waits for it until a time. Returns what was said, if it came.
    #[must_use]
    pub fn wait(&self, until: Instant) -> Option<Confirmation> {
        self.transcript.wait_for_confirmation(until)
    }

    /// Says that nothing but the health checks of the host is waited for any more. Who does not hear it misses nothing.
    pub fn leave_to_checks(&self) {
        let _ = self.transcript.say(&Notice::checking(self.transcript.run().clone()));
    }

    /// Says that it did not come in time.
    #[must_use]
    pub fn unconfirmed(&self, patience: Duration) -> Problem {
        Problem::new(Code::Unconfirmed, "Nobody confirmed the change over a new connection")
            .because(format!("{} seconds are over; the change may have cut the host off", (self.limit + patience).as_secs()))
            .help(
                "look for what the change does to sshd, its keys, sudo and the network. Where it is only slow, allow \
                 it more: --confirm-timeout SECONDS",
            )
    }
}
