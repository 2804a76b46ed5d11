//! The NixOS system that a host runs and boots.
//!
//! - [`diff`][]: planning of system steps
//! - [`entry`]: the journal entries of system steps
//! - [`execute`]: activation of a system, and the boot default
//! - [`undo`]: return to the system that ran before
//! - [`loader`]: boot loaders that can boot a system once
//! - [`foresee`][], [`unit_changes`], [`packages`]: what an activation changes

pub mod diff;
pub mod entry;
pub mod execute;
pub mod foresee;
pub mod loader;
pub mod packages;
pub mod undo;
pub mod unit_changes;
