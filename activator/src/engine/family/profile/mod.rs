//! The profile: which generation is in force.
//!
//! - [`entry`]: a step with what undoing it needs
//! - [`diff`]: whether a plan puts another one in force

pub mod diff;
pub mod entry;
