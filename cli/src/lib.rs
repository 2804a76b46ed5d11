//! The `nixfleet` command: evaluates, builds, connects, orchestrates, shows. Hosts are changed only by their own
//! activator.
//!
//! Its program is a call of [`run`]. What else is public is what fuzzing needs: everything that takes in what a host has
//! said, and shows it.

mod args;
mod command;
mod completion;
mod contents;
mod document;
mod errands;
mod event;
mod exit;
mod flake;
mod health;
mod history;
mod host_result;
mod identity;
mod interrupt;
mod inventory;
mod nix;
mod notify;
mod orchestrate;
mod plan_text;
mod process;
mod program;
mod remote;
mod render;
mod rollout;
mod saved;
mod ssh;
mod state;
mod text;
mod tip;

pub use host_result::{BackupsView, GcView, HostResult};
pub use process::Output;
pub use program::run;
pub use remote::Answer;
pub use render::{
    backups, dropped, drops, gc_plans, gc_reports, health as health_table, plans, results, statuses,
};
pub use text::problem_text;
