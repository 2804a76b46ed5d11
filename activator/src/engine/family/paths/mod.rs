//! Files, links and directories.
//!
//! - [`entry`], [`open`]: a step with what undoing it needs
//! - `diff`, `drift`, `ending`, `exposure`, `left_out`: what a plan does about them
//! - [`slots`]: where the new waits and the old goes
//! - [`stage`], [`ownership`], [`home`]: everything new made ready
//! - [`backup`]: everything old that is kept
//! - [`execute`], [`swap`], [`access`]: one takes the place of the other, and back
//! - [`record`]: what is owned afterwards

pub mod access;
pub mod backup;
mod diff;
mod drift;
mod ending;
pub mod entry;
pub mod execute;
mod exposure;
pub mod home;
mod left_out;
pub mod open;
pub mod ownership;
pub mod record;
pub mod slots;
pub mod stage;
pub mod swap;
