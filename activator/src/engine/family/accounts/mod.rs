//! Users and groups.
//!
//! - [`entry`]: a step, with what its undo needs
//! - [`becoming`]: what an account becomes
//! - `diff`, `homes`, `ids`: planning
//! - [`execute`]: carrying out and undoing
//! - [`record`]: what is owned afterwards

pub mod becoming;
mod diff;
pub mod entry;
pub mod execute;
mod homes;
mod ids;
pub mod record;
