//! The documents that Nix, the command line and a host exchange. Each is a versioned JSON type, so that all
//! sides compile against one definition. Pure data: no system calls, no clock, no argument parsing.
//!
//! - [`fleet`]: the inventory as `nixfleet.fleet` evaluates it
//! - [`policy`]: rollout policies
//! - [`notification`]: recipients of rollout notifications
//! - [`intent`]: what a backend passes to the builder of a host closure
//! - [`manifest`]: what the builder writes and a host converges to
//! - [`inspected`]: which files the host's own tools check before a change
//! - [`health`]: health checks and their results
//! - [`plan`]: what would change on a host, step by step
//! - [`step`]: these steps, by family
//! - [`report`]: the result of a change
//! - [`outcome`]: how a host ended
//! - [`status`]: the status of a host
//! - [`generation`]: a generation of a host
//! - [`gc`]: which generations of a host are dropped, and why others are kept
//! - [`backup`]: content that was backed up before it was replaced
//! - [`holder`]: the run that holds the lock of a host
//! - [`run`], [`run_id`]: one run, its notices, and how the last one ended
//! - [`problem`]: the type of every expected error
//! - [`force`]: refusals that can be overruled
//! - [`login`]: the user who applies a change, and the connection
//! - [`backoff`]: the pauses between attempts
//! - [`values`]: paths, modes and names that are checked when parsed

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod backoff;
pub mod backup;
pub mod fleet;
pub mod force;
pub mod gc;
pub mod generation;
pub mod health;
pub mod holder;
pub mod inspected;
pub mod intent;
pub mod login;
pub mod manifest;
pub mod notification;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod report;
pub mod run;
pub mod run_id;
pub mod status;
pub mod step;
pub mod values;

/// The version of every JSON document that this build reads and writes. A reader refuses any other number.
pub const SCHEMA: u32 = 1;
