//! systemd units.
//!
//! - [`entry`]: the journal entries of unit steps
//! - [`diff`]: planning of starts, stops, restarts and reloads
//! - [`bystanders`]: units that systemd starts or stops because of the planned units
//! - [`execute`]: execution of unit steps
//! - [`record`]: the recorded states of units of the distribution
//! - [`undo`]: undo of unit steps

pub mod bystanders;
pub mod diff;
pub mod entry;
pub mod execute;
pub mod record;
pub mod undo;
