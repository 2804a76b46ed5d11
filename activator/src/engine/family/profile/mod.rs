//! The profile, which determines the active generation.
//!
//! - [`entry`]: the journal entry of a profile step
//! - [`diff`][]: planning of profile steps

pub mod diff;
pub mod entry;
