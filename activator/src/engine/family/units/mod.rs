//! Systemd's units.
//!
//! - [`entry`]: a step with what undoing it needs
//! - [`diff`]: which a plan starts, stops, restarts and reloads
//! - [`bystanders`]: units that are started and stopped along with those
//! - [`undo`]: bringing back what ran

pub mod bystanders;
pub mod diff;
pub mod entry;
pub mod undo;
