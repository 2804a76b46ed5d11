//! Users and groups.
//!
//! - [`entry`]: a step, with what its undo needs
//! - [`target_account`]: what an account becomes
//! - `diff`, `homes`, `ids`: planning
//! - [`execute`]: carrying out and undoing
//! - [`record`]: what is owned afterwards

mod diff;
pub mod entry;
pub mod execute;
mod homes;
mod ids;
pub mod record;
pub mod target_account;
