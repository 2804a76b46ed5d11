//! Transactions: carrying out a plan under a journal, undoing it, and committing it.
//!
//! - [`journal`], [`open`]: an open transaction
//! - [`execute`], [`undo`], [`commit`], [`flush`]: carrying out, undoing, committing
//! - [`settle`], [`window`]: a change must show that it holds, and be confirmed
//! - [`recover`]: recovery of an interrupted run
//! - [`told`]: what the journal of the host is told

// A new kind of step does not compile until every match handles it.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod commit;
pub mod execute;
pub mod flush;
pub mod journal;
pub mod open;
pub mod recover;
pub mod settle;
pub mod told;
pub mod undo;
pub mod window;
