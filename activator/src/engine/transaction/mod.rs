//! Transactions: the execution of a plan under a journal, its undo, and its commit.
//!
//! - [`journal`], [`open`]: the journal of an open transaction
//! - [`execute`], [`undo`], [`commit`], [`flush`]: execution, undo, commit, and syncing to disk
//! - [`settle`], [`window`]: the checks between execution and commit, and the confirmation by the client
//! - [`recover`]: the recovery after an interrupted run
//! - [`log`]: the log messages about entries

// Forbids `_` arms in matches on enums: after a new kind of step is added, the code does not compile until
// every match handles it.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod commit;
pub mod execute;
pub mod flush;
pub mod journal;
pub mod log;
pub mod open;
pub mod recover;
pub mod settle;
pub mod undo;
pub mod window;
