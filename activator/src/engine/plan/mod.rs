//! State, host and what it should become → a plan.
//!
//! - [`target`], [`contents`]: what it should become
//! - [`mod@diff`]: what would be done, without touching anything
//! - [`planner`], [`preflight`], [`programs`], [`texts`]: puts a plan together
//! - [`fast_path`]: tells in a fraction of the time that nothing is to be done

pub mod contents;
pub mod diff;
pub mod fast_path;
pub mod planner;
pub mod preflight;
pub mod programs;
pub mod target;
pub mod texts;
