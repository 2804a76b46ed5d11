//! Where a host of a rollout stands.

use nixfleet_contract::outcome::Outcome;

/// The state of a host in a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// Its turn has not come; what it lacks is copied when it is changed.
    Waiting,
    /// Its turn has not come, and its closure is being copied to it meanwhile.
    Copying,
    /// Its turn has not come, and its closure is there.
    Copied,
    /// It is being changed.
    Changing,
    /// It is done.
    Ended(Outcome),
    /// It is to go back.
    ToReturn,
    /// It goes back.
    Returning,
}

impl HostState {
    /// Whether its turn is yet to come, and nothing is being done about it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Copied)
    }

    /// Whether something on it is being changed.
    #[must_use]
    pub const fn is_changing(self) -> bool {
        matches!(self, Self::Changing | Self::Returning)
    }

    /// Whether it is done.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// Whether nobody can count on the host's services.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Ended(Outcome::Failed | Outcome::Unreachable))
    }
}
