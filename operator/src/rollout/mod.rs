//! The course of a rollout: the order of its hosts, the reasons to stop it, and the record of its progress.

mod driver;
#[cfg(test)]
mod driver_tests;
mod excluded;
mod hosts;
mod limits;
mod order;
mod origin;
mod outline;
#[cfg(test)]
mod play;
mod progress;
mod record;
mod record_files;
mod referred;
mod schedule;
#[cfg(test)]
mod schedule_rules;
#[cfg(test)]
mod schedule_tests;
mod state;
mod undone;
mod verdict;
mod waves;
#[cfg(test)]
mod waves_tests;

pub use driver::{Driver, Work};
pub use excluded::{described, part, pin, reason, reason_at, today, without_canaries};
pub use hosts::Hosts;
pub use origin::RolloutOrigin;
pub use outline::{Budget, Outline, policy_for};
pub use progress::RolloutProgress;
pub use record::{PlannedHost, Record, RolloutHead, RolloutTarget};
pub use referred::open_passages;
pub use state::HostState;
pub use undone::Undone;
pub use verdict::{Pause, Verdict};
pub use waves::check_growth;
