//! The state of a host in a rollout.

use nixfleet_contract::outcome::Outcome;

/// The state of a host in a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// The turn of the host has not come. Its closure will be copied when the host is changed.
    Waiting,
    /// The turn of the host has not come. Its closure is being copied to it in advance.
    Copying,
    /// The turn of the host has not come. Its closure has been copied to it.
    Copied,
    /// The host is being changed.
    Changing,
    /// The work on the host has ended, with this outcome.
    Ended(Outcome),
    /// The host is waiting to be rolled back.
    ToReturn,
    /// The host is being rolled back.
    Returning,
}

impl HostState {
    /// Whether the host is still waiting for its turn, and no work is in progress on the host.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Copied)
    }

    /// Whether the host is being changed or rolled back.
    #[must_use]
    pub const fn is_changing(self) -> bool {
        matches!(self, Self::Changing | Self::Returning)
    }

    /// Whether the work on the host has ended.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// Whether the services of the host must be assumed to be down.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Ended(Outcome::Failed | Outcome::Unreachable))
    }
}
