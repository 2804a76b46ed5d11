//! Files, links and directories.
//!
//! - [`entry`], [`open`]: the journal entries of path steps
//! - `absence`, `diff`, `drift`, `ending`, `excluded`, `exposure`: planning of path steps
//! - [`slots`]: the locations of staged content, originals and backups
//! - [`stage`], [`ownership`], [`home`]: staging of new content
//! - [`late_owners`]: owners that the activation of a NixOS system creates
//! - [`backup`]: backups of replaced content
//! - [`execute`], [`swap`], [`access`]: execution and undo of path steps
//! - [`record`]: the paths in the recorded state after a transaction

mod absence;
pub mod access;
pub mod backup;
mod diff;
pub(in crate::engine) mod drift;
mod ending;
pub mod entry;
pub(in crate::engine) mod excluded;
pub mod execute;
mod exposure;
pub mod home;
pub mod late_owners;
pub mod open;
pub mod ownership;
pub mod record;
pub mod slots;
pub mod stage;
pub mod swap;
