//! The profile: which generation is in force.
//!
//! - [`entry`]: a step, with what its undo needs
//! - [`diff`][]: planning

pub mod diff;
pub mod entry;
