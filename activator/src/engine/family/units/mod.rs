//! systemd units.
//!
//! - [`entry`]: a step, with what its undo needs
//! - [`diff`]: planning of starts, stops, restarts and reloads
//! - [`bystanders`]: units that start and stop together with those
//! - [`execute`]: starting, stopping, restarting and reloading
//! - [`undo`]: bringing back the units that ran before

pub mod bystanders;
pub mod diff;
pub mod entry;
pub mod execute;
pub mod undo;
