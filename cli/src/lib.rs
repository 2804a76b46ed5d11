//! The `nixfleet` command: its flags, its questions, and what it shows. What it does is in
//! `nixfleet-operator`.
//!
//! Its program is a call of [`run`]. Fuzzing uses the other public items, which show the words of hosts.

// Tests run programs of their own.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod args;
mod command;
mod completion;
mod diagnostics;
mod document;
mod exit;
mod program;
mod render;
mod tip;

pub use program::run;
pub use render::{
    backups, dropped, drops, gc_plans, gc_reports, health as health_table, plans, results, statuses,
};
