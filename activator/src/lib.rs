//! The engine that changes a host, and the builder of host closures. [`nixfleet_contract`] defines the
//! documents that they read and write.
//!
//! - [`build`]: the builder of a host closure
//! - [`engine`]: plan, apply, rollback, status
//! - [`attend`]: a change in a separate systemd unit, and how to follow it
//! - [`health`]: the execution of health checks
//! - [`host`]: the parts of a host that the engine reads and changes
//! - [`diagnostics`]: events for the journal of the host
//! - [`digest`]: SHA-256 of files
//! - [`show`]: plans, reports and states as text for people

#![deny(clippy::print_stdout, clippy::print_stderr)]
// Tests write files directly, to create the hosts that they run the engine on.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod attend;
pub mod build;
pub mod diagnostics;
pub mod digest;
pub mod engine;
pub mod health;
pub mod host;
pub mod show;
