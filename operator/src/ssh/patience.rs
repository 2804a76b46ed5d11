//! How long is waited for a host, as the inventory says.

use std::time::Duration;

use super::Session;

/// The most that the inventory allows, in seconds: a week. Files with a host in them are read back, and may
/// say anything.
const MOST: u64 = 7 * 24 * 3600;

impl Session {
    /// How long the host may take to accept a connection.
    pub fn to_connect(&self) -> Duration {
        bounded(self.host.timeouts.connect)
    }

    /// How long it may say nothing before a connection counts as broken.
    pub fn to_be_silent(&self) -> Duration {
        bounded(self.host.timeouts.silence)
    }

    /// How long it may take to say how it stands, or what would change.
    pub fn to_answer(&self) -> Duration {
        bounded(self.host.timeouts.answer)
    }

    /// How long a closure may take to arrive there.
    pub fn to_copy(&self) -> Duration {
        bounded(self.host.timeouts.copy)
    }

    /// How long it may take to change, or to try its health checks.
    pub fn to_change(&self) -> Duration {
        bounded(self.host.timeouts.change)
    }

    /// How long it is looked for where the connection broke while it changed, beyond the time in which it
    /// goes back by itself.
    pub fn to_rejoin(&self) -> Duration {
        bounded(self.host.timeouts.rejoin)
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
