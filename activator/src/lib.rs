//! What crosses every wall of NixFleet, and the engine that changes a host.
//!
//! The contract types come first: each JSON document that passes between Nix, the command line and a host is a
//! versioned type here, so that both sides compile against one definition.
//!
//! - [`fleet`]: the inventory as `nixfleet.fleet` evaluates it
//! - [`policy`]: how a change goes through a fleet
//! - [`intent`]: what a backend hands to the builder of a host closure
//! - [`manifest`]: what the builder writes, and a host converges to
//! - [`inspected`]: which files the host's own tools look at beforehand
//! - [`health`]: what a host has to do well, and trying it
//! - [`plan`]: what would change on a host, step by step
//! - [`report`]: what became of it
//! - [`gc`]: which generations of a host go, and why others stay
//! - [`backup`]: what was kept before it was replaced
//! - [`run`]: one run, what it says meanwhile, and how the last one ended
//! - [`problem`]: the one shape of an error
//! - [`force`]: which refusals can be overruled
//! - [`login`]: who applies a change, and over which connection
//! - [`values`]: paths, modes and names that are right by construction
//!
//! Then what works with them:
//!
//! - [`build`]: the builder of a host closure
//! - [`engine`]: plan, apply, rollback, status
//! - [`attend`]: a change in a unit of its own, and following it
//! - [`host`]: what the engine reads and changes
//! - [`show`]: all of it for people

pub mod attend;
pub mod backup;
pub mod build;
pub mod digest;
pub mod engine;
pub mod fleet;
pub mod force;
pub mod gc;
pub mod health;
pub mod host;
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
pub mod show;
pub mod values;

/// The version of every JSON document this build reads and writes. A reader refuses any other number.
pub const SCHEMA: u32 = 1;
