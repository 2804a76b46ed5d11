//! What the fuzz targets hold the parsers to.
//!
//! The command line is a program, not a library, so the rooms of it that meet untrusted answers are taken in here by
//! their paths.

pub mod answer;
#[path = "../../activator/tests/it/harmless.rs"]
pub mod harmless;

#[path = "../../cli/src/process/output.rs"]
mod process;
#[allow(dead_code, reason = "not every part of an answer is looked at")]
#[path = "../../cli/src/remote/answer.rs"]
mod remote;
mod render;
