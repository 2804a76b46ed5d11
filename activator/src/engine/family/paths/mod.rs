//! Files, links and directories.
//!
//! - `diff`, `drift`, `ending`, `exposure`, `left_out`: what a plan does about them
//! - [`slots`]: where the new waits and the old goes
//! - [`stage`], [`ownership`], [`home`]: everything new made ready
//! - [`backup`]: everything old that is kept
//! - [`swap`], [`access`]: one takes the place of the other

pub mod access;
pub mod backup;
mod diff;
mod drift;
mod ending;
mod exposure;
pub mod home;
mod left_out;
pub mod ownership;
pub mod slots;
pub mod stage;
pub mod swap;
