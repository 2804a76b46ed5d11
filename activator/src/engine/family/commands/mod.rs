//! Commands of files that change.
//!
//! - [`entry`]: a step with what undoing it needs
//! - `diff`: which a plan runs
//! - [`run`]: running them
//! - [`undo`]: running those of the files that are back

mod diff;
pub mod entry;
pub mod run;
pub mod undo;
