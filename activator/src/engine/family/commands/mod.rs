//! Commands that changed files name in `onChange`.
//!
//! - [`entry`]: a step, with what its undo needs
//! - `diff`: planning
//! - [`run`]: running them
//! - [`undo`]: running those of the restored files

mod diff;
pub mod entry;
pub mod run;
pub mod undo;
