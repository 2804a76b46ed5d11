//! Commands of files that change.
//!
//! - `diff`: which a plan runs
//! - [`run`]: running them

mod diff;
pub mod run;
