//! Files, links and directories.
//!
//! - [`entry`], [`open`]: a step, with what its undo needs
//! - `absence`, `diff`, `drift`, `ending`, `excluded`, `exposure`: planning
//! - [`slots`]: the places of staged and of replaced things
//! - [`stage`], [`ownership`], [`home`]: staging of everything new
//! - [`backup`]: backups of everything old
//! - [`execute`], [`swap`], [`access`]: carrying out and undoing
//! - [`record`]: what is owned afterwards

mod absence;
pub mod access;
pub mod backup;
mod diff;
mod drift;
mod ending;
pub mod entry;
pub(in crate::engine) mod excluded;
pub mod execute;
mod exposure;
pub mod home;
pub mod open;
pub mod ownership;
pub mod record;
pub mod slots;
pub mod stage;
pub mod swap;
