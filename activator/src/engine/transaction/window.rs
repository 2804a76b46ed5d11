//! The time window in which a change must be confirmed over a new connection.

use std::time::{Duration, Instant};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::{Confirmation, Notice};

use crate::host::transcript::Transcript;

/// The window that opens when everything is done and before the change is committed. If it ends without a
/// confirmation, even through a crash, the change is undone.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The transcript that carries the request, and receives the confirmation.
    pub transcript: &'a Transcript,
    /// How long it stays open.
    pub limit: Duration,
}

impl Window<'_> {
    /// Asks for the confirmation, and allows the client extra time for its health checks. Returns the
    /// deadline.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn open(&self, patience: Duration) -> Result<Instant, Problem> {
        let limit = self.limit + patience;
        let deadline = Instant::now() + limit;
        let notice = Notice::awaiting(self.transcript.run().clone(), limit.as_secs());
        self.transcript.say(&notice).map(|()| deadline)
    }

    /// Waits for the confirmation until a deadline. Returns it if it arrived.
    #[must_use]
    pub fn wait(&self, until: Instant) -> Option<Confirmation> {
        self.transcript.wait_for_confirmation(until)
    }

    /// Says that the run waits only for the health checks of the host. A client may miss this without harm.
    pub fn leave_to_checks(&self) {
        let _ = self.transcript.say(&Notice::checking(self.transcript.run().clone()));
    }

    /// The problem of a missing confirmation.
    #[must_use]
    pub fn unconfirmed(&self, patience: Duration) -> Problem {
        let seconds = (self.limit + patience).as_secs();
        Problem::new(Code::Unconfirmed, "Nobody confirmed the change over a new connection")
            .because(format!("{seconds} seconds are over; the change may have cut the host off"))
            .help(
                "look for what the change does to sshd, its keys, sudo and the network. Where it is only slow, allow \
                 it more: --confirm-timeout SECONDS",
            )
    }
}
