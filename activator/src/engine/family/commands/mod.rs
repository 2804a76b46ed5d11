//! Commands that files name in `onChange`. They run when these files change.
//!
//! - [`entry`]: the journal entry of a command step
//! - `diff`: planning of command steps
//! - [`run`]: execution of the commands
//! - [`undo`]: execution of the commands of restored files

mod diff;
pub mod entry;
pub mod run;
pub mod undo;
