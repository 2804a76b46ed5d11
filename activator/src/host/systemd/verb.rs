//! Actions on units.

/// An action on a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Start the unit.
    Start,
    /// Stop the unit.
    Stop,
    /// Restart the unit.
    Restart,
    /// Reload the unit.
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

    /// Whether the action starts the unit.
    #[must_use]
    pub const fn brings_up(self) -> bool {
        matches!(self, Self::Start | Self::Restart)
    }

    /// Whether two actions can be carried out together. Starts and restarts can, since one unit may have to
    /// be started before another is restarted.
    #[must_use]
    pub fn goes_with(self, other: Self) -> bool {
        self == other || (self.brings_up() && other.brings_up())
    }
}
