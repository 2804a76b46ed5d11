//! Users and groups.
//!
//! - [`entry`]: a step with what undoing it needs
//! - [`becoming`]: what an account becomes
//! - `diff`, `homes`, `ids`: what a plan does about them
//! - [`execute`]: forward and back
//! - [`record`]: what is owned afterwards

pub mod becoming;
mod diff;
pub mod entry;
pub mod execute;
mod homes;
mod ids;
pub mod record;
