//! Refusals that the operator can overrule, by name.

use clap::ValueEnum;

use crate::problem::{Code, Problem};

/// What is done in spite of an objection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Force {
    /// Apply a change that would lock out the user who applies it
    Lockout,
    /// Apply to a host that was last applied as another one of the inventory
    HostName,
    /// Keep a change whose health checks fail, or cannot be tried
    HealthChecks,
}

impl Force {
    /// The word on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lockout => "lockout",
            Self::HostName => "host-name",
            Self::HealthChecks => "health-checks",
        }
    }

    /// Whether it overrules an objection.
    #[must_use]
    pub fn overrules(self, problem: &Problem) -> bool {
        match self {
            Self::Lockout => problem.code == Code::LockedOut,
            Self::HostName => problem.code == Code::OtherHost,
            Self::HealthChecks => problem.code == Code::HealthCheck,
        }
    }
}
