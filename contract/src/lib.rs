//! The documents that Nix, the command line and the hosts exchange. Each document is a versioned JSON type
//! with a single definition in this crate. The crate is pure data: it makes no system calls, reads no clock
//! and parses no arguments.
//!
//! - [`fleet`]: the inventory as `nixfleet.fleet` evaluates it
//! - [`policy`]: rollout policies, which decide in what order and how fast hosts change
//! - [`notification`]: recipients of rollout notifications
//! - [`intent`]: the input that a backend passes to the builder of a host closure
//! - [`apt`]: packages that apt installs and removes
//! - [`os`]: updates of the operating system and reboots
//! - [`manifest`]: the output of the builder: everything that a host should have
//! - [`nixos`]: the NixOS system in the closure of a NixOS host
//! - [`access`]: the mode and the owners of a path
//! - [`inspected`]: files that tools on the host check before a change
//! - [`health`]: health checks and their results
//! - [`plan`]: the changes that an apply would make on a host, step by step
//! - [`step`]: the steps of a plan, by family
//! - [`report`]: the result of a change
//! - [`outcome`]: the possible outcomes of a host
//! - [`status`]: the status of a host
//! - [`generation`]: generations of a host
//! - [`gc`]: garbage collection of generations
//! - [`backup`]: backups of content that was replaced or removed
//! - [`forget`]: the end of management
//! - [`holder`]: the run that holds the lock of a host
//! - [`run`]: a run on a host: its notices and its result
//! - [`run_id`]: the id of a run
//! - [`problem`]: the type of every expected error
//! - [`force`]: objections that the operator can overrule
//! - [`login`]: the user who applies a change, and the SSH connection of this user
//! - [`backoff`]: pauses between repeated attempts
//! - [`values`]: paths, modes and names that are checked when they are parsed

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod access;
pub mod apt;
pub mod backoff;
pub mod backup;
pub mod fleet;
pub mod force;
pub mod forget;
pub mod gc;
pub mod generation;
pub mod health;
pub mod holder;
pub mod inspected;
pub mod intent;
pub mod login;
pub mod manifest;
pub mod nixos;
pub mod notification;
pub mod os;
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

/// The version of the JSON documents that this build reads and writes. A reader refuses any other version.
pub const SCHEMA: u32 = 1;
