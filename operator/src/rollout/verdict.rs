//! The verdict on a rollout: how the rollout ended, and why it stopped early, if it did.

use std::fmt;

use nixfleet_contract::policy::Amount;

use crate::event::End;

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every wave had its turn.
    Complete,
    /// The rollout stopped, and can be resumed.
    Paused(Pause),
    /// The rollout stopped, and all hosts that had to be rolled back were rolled back.
    Returned {
        /// Why the rollout stopped.
        pause: Pause,
        /// Whether the changed hosts of all waves were rolled back, and not only the hosts of the current
        /// wave.
        all: bool,
    },
}

impl Verdict {
    /// Returns the kind of end that events report, and why the rollout stopped early, if it did.
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
    /// The user interrupted the rollout.
    Interrupted,
    /// Too many hosts failed.
    Failures {
        /// The number of hosts that failed.
        failures: usize,
        /// The number or percentage of hosts that may fail.
        allowed: Amount,
    },
    /// No host of a wave succeeded, so it is unknown whether hosts of the next wave would succeed.
    NothingShown {
        /// The number of the wave, from 1.
        wave: usize,
    },
    /// Other runs are changing hosts of this rollout.
    Busy {
        /// The names of the hosts.
        hosts: Vec<String>,
    },
    /// The budget of a tag is used up by hosts that are down.
    Budget {
        /// The name of the tag.
        tag: String,
    },
    /// Hosts were to be rolled back, but some of these hosts still have the generation that the rollout made.
    Stayed {
        /// Why the hosts were to be rolled back.
        why: Box<Self>,
        /// The number of hosts that were not rolled back.
        hosts: usize,
    },
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::Failures { failures, allowed } => {
                let hosts = if *failures == 1 { "host" } else { "hosts" };
                match allowed {
                    Amount::Count(0) | Amount::Percent(0) => {
                        write!(f, "{failures} {hosts} failed, but no host may fail")
                    }
                    _ => write!(f, "{failures} {hosts} failed, but at most {allowed} may fail"),
                }
            }
            Self::NothingShown { wave } => {
                write!(
                    f,
                    "no host of wave {wave} is as it should be, so it is not known whether the next wave is \
                     safe"
                )
            }
            Self::Busy { hosts } => {
                let are = if hosts.len() == 1 { "is" } else { "are" };
                write!(f, "{} {are} still being changed by another run", hosts.join(", "))
            }
            Self::Budget { tag } => {
                write!(f, "no further host with the tag {tag} may be down (maxDown)")
            }
            Self::Stayed { why, hosts: 1 } => write!(f, "{why}, and 1 host did not go back"),
            Self::Stayed { why, hosts } => write!(f, "{why}, and {hosts} hosts did not go back"),
        }
    }
}
