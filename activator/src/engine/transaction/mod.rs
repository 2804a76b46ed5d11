//! A transaction: what is done, what undoing it needs, and when it counts.
//!
//! - [`journal`], [`open`]: an open transaction
//! - [`execute`], [`undo`], [`commit`], [`flush`]: forward, back, done
//! - [`settle`], [`window`]: a change that has to show that it holds, and to be confirmed
//! - [`recover`]: what an interrupted run left

// A new kind of step does not compile until every place has said what it does with it.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod commit;
pub mod execute;
pub mod flush;
pub mod journal;
pub mod open;
pub mod recover;
pub mod settle;
pub mod undo;
pub mod window;
