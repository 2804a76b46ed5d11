//! How a rollout ends.

use std::fmt;

use nixfleet_contract::policy::Amount;

use crate::event::End;

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every wave has had its turn.
    Complete,
    /// It stopped, and can be resumed.
    Paused(Pause),
    /// It stopped, and the hosts that it had changed went back, every one of them.
    Returned {
        /// Why it stopped.
        pause: Pause,
        /// All of them, and not only those of the wave.
        all: bool,
    },
}

impl Verdict {
    /// The same as it is told, and why it stopped, if it did.
    #[must_use]
    pub fn end(&self) -> (End, Option<String>) {
        match self {
            Self::Complete => (End::Complete, None),
            Self::Paused(Pause::Interrupted) => (End::Interrupted, None),
            Self::Paused(pause) => (End::Paused, Some(pause.to_string())),
            Self::Returned { pause, all: true } => (End::RolledBack, Some(pause.to_string())),
            Self::Returned { pause, all: false } => (End::WaveRolledBack, Some(pause.to_string())),
        }
    }
}

/// Why a rollout stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The user wanted it.
    Interrupted,
    /// Too many hosts failed.
    Failures {
        /// How many.
        failures: usize,
        /// How many may.
        allowed: Amount,
    },
    /// No host of a wave is as it should be, so the wave shows nothing about the next one.
    NothingShown {
        /// Which, from 1.
        wave: usize,
    },
    /// Other runs are at work on hosts that were to be changed.
    Busy {
        /// Which hosts.
        hosts: Vec<String>,
    },
    /// As many hosts with a tag are down as may be.
    Budget {
        /// The tag.
        tag: String,
    },
    /// Hosts were to go back, and some stand where the rollout has put them.
    Stayed {
        /// Why they were to go back.
        why: Box<Self>,
        /// How many stand there.
        hosts: usize,
    },
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::Failures { failures, allowed } => {
                let hosts = if *failures == 1 { "host" } else { "hosts" };
                write!(f, "{failures} {hosts} failed, where {allowed} may")
            }
            Self::NothingShown { wave } => {
                write!(
                    f,
                    "no host of wave {wave} is as it should be, so nothing is known about the next wave"
                )
            }
            Self::Busy { hosts } => {
                let are = if hosts.len() == 1 { "is" } else { "are" };
                write!(f, "{} {are} still being changed by another run", hosts.join(", "))
            }
            Self::Budget { tag } => {
                write!(f, "as many hosts with the tag {tag} are down as may be")
            }
            Self::Stayed { why, hosts: 1 } => write!(f, "{why}, and 1 host did not go back"),
            Self::Stayed { why, hosts } => write!(f, "{why}, and {hosts} hosts did not go back"),
        }
    }
}
