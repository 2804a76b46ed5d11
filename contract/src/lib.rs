//! What crosses a wall of NixFleet: each JSON document that Nix, the command line and a host give each other is a versioned type
//! here, so that all sides compile against one definition. Pure data: no system call, no clock, no argument parsing.
//!
//! - [`fleet`]: the inventory as `nixfleet.fleet` evaluates it
//! - [`policy`]: how a change goes through a fleet
//! - [`notification`]: who is told of it
//! - [`intent`]: what a backend hands to the builder of a host closure
//! - [`manifest`]: what the builder writes, and a host converges to
//! - [`inspected`]: which files the host's own tools look at beforehand
//! - [`health`]: what a host has to do well, and what came of trying it
//! - [`plan`]: what would change on a host, step by step
//! - [`step`]: those steps, by family
//! - [`report`]: what became of it
//! - [`gc`]: which generations of a host go, and why others stay
//! - [`backup`]: what was kept before it was replaced
//! - [`holder`]: who runs on a host
//! - [`run`]: one run, what it says meanwhile, and how the last one ended
//! - [`problem`]: the one shape of an error
//! - [`force`]: which refusals can be overruled
//! - [`login`]: who applies a change, and over which connection
//! - [`values`]: paths, modes and names that are right by construction

pub mod backup;
pub mod fleet;
pub mod force;
pub mod gc;
pub mod health;
pub mod holder;
pub mod inspected;
pub mod intent;
pub mod login;
pub mod manifest;
pub mod notification;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod report;
pub mod run;
pub mod step;
pub mod values;

/// The version of every JSON document this build reads and writes. A reader refuses any other number.
pub const SCHEMA: u32 = 1;
