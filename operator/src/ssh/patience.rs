//! The time limits of work on a host, which the inventory sets.

use std::time::Duration;

use super::Session;

/// The longest time limit that the inventory allows, in seconds (a week). A host may have been read from a
/// file that an earlier command wrote, and such a file may contain any number.
const MOST: u64 = 7 * 24 * 3600;

impl Session {
    /// Returns how long the host may take to accept a connection.
    pub fn to_connect(&self) -> Duration {
        bounded(self.host.timeouts.connect)
    }

    /// Returns how long the host may be silent before its connection counts as broken.
    pub fn to_be_silent(&self) -> Duration {
        bounded(self.host.timeouts.silence)
    }

    /// Returns how long the host may take to report its status or a plan.
    pub fn to_answer(&self) -> Duration {
        bounded(self.host.timeouts.answer)
    }

    /// Returns how long copying a closure to the host may take.
    pub fn to_copy(&self) -> Duration {
        bounded(self.host.timeouts.copy)
    }

    /// Returns how long the host may take for a change, or for its health checks.
    pub fn to_change(&self) -> Duration {
        bounded(self.host.timeouts.change)
    }

    /// Returns how long to try to reconnect if the connection broke during a change. This time begins when
    /// the host would have rolled back by itself.
    pub fn to_rejoin(&self) -> Duration {
        bounded(self.host.timeouts.rejoin)
    }

    /// Returns how long the host may take to shut down, boot and start its units.
    pub fn to_boot(&self) -> Duration {
        bounded(self.host.timeouts.boot)
    }
}

fn bounded(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_waited_for_for_ever() {
        assert_eq!(bounded(30), Duration::from_secs(30));
        assert_eq!(bounded(u64::MAX), Duration::from_secs(MOST));
    }
}
