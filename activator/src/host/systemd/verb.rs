//! What can be done to a unit.

/// What is done to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Restart it.
    Restart,
    /// Reload it.
    Reload,
}

impl Verb {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }

    /// Whether a unit is up when it is done.
    #[must_use]
    pub const fn brings_up(self) -> bool {
        matches!(self, Self::Start | Self::Restart)
    }

    /// Whether the two can be done to several units at once: one of these may have to be started before
    /// another is restarted.
    #[must_use]
    pub fn goes_with(self, other: Self) -> bool {
        self == other || (self.brings_up() && other.brings_up())
    }
}
