//! Plans: the steps that bring a host from its current state to a target.
//!
//! - [`target`], [`contents`]: the target of a plan, and the file contents that were sent with the target
//! - [`mod@diff`]: the computation of the steps, without access to the host
//! - [`planner`], [`preflight`], [`programs`], [`texts`]: the parts of a complete plan
//! - [`fast_path`]: a quick check for hosts that need no change

pub mod contents;
pub mod diff;
mod external;
pub mod fast_path;
pub mod planner;
pub mod preflight;
mod previous;
pub mod programs;
pub mod target;
pub mod texts;
pub(in crate::engine) mod unit_states;
