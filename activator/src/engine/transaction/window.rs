//! The time window in which a change must be confirmed over a new connection.

use std::time::{Duration, Instant};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::{Confirmation, Notice};

use crate::host::transcript::Transcript;

/// The window that is open between the execution of all steps and the commit. If the window closes without a
/// confirmation, the change is undone. The change is undone as well if the run is killed or the host crashes
/// while the window is open.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The transcript to which the request for a confirmation is written, and through which the confirmation
    /// arrives.
    pub transcript: &'a Transcript,
    /// The time limit, without the extra time for health checks.
    pub limit: Duration,
}

impl Window<'_> {
    /// Asks the client to confirm the change. `patience` is extra time for the health checks of the client.
    /// Returns the deadline.
    ///
    /// # Errors
    /// [`Code::HostFile`].
    pub fn open(&self, patience: Duration) -> Result<Instant, Problem> {
        let limit = self.limit + patience;
        let deadline = Instant::now() + limit;
        let notice = Notice::awaiting(self.transcript.run().clone(), limit.as_secs());
        self.transcript.say(&notice).map(|()| deadline)
    }

    /// Waits for the confirmation until a deadline. Returns `None` if no confirmation has arrived by then.
    #[must_use]
    pub fn wait(&self, until: Instant) -> Option<Confirmation> {
        self.transcript.wait_for_confirmation(until)
    }

    /// Reports that the run is waiting only for the health checks of the host. An error is ignored, since a
    /// client can safely miss this notice.
    pub fn leave_to_checks(&self) {
        let _ = self.transcript.say(&Notice::checking(self.transcript.run().clone()));
    }

    /// Returns the problem for a change that was not confirmed.
    #[must_use]
    pub fn unconfirmed(&self, patience: Duration) -> Problem {
        let seconds = (self.limit + patience).as_secs();
        Problem::new(Code::Unconfirmed, "the change was not confirmed over a new connection")
            .because(format!(
                "no confirmation arrived within {seconds} seconds; the change may have made \
                 the host unreachable"
            ))
            .help(
                "check what the change does to sshd, SSH keys, sudo and the network; if the host is only \
                 slow, allow more time: --confirm-timeout SECONDS",
            )
    }
}
