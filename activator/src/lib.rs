//! The engine that changes a host, and the builder of what it changes hosts to. The documents that go in and
//! out are those of [`nixfleet_contract`].
//!
//! - [`build`]: the builder of a host closure
//! - [`engine`]: plan, apply, rollback, status
//! - [`attend`]: a change in a unit of its own, and following it
//! - [`health`]: trying health checks
//! - [`host`]: what the engine reads and changes
//! - [`diagnostics`]: events for the journal of the host
//! - [`digest`]: SHA-256 of files
//! - [`show`]: all of it for people

#![deny(clippy::print_stdout, clippy::print_stderr)]
// Tests make the hosts that they try the engine on.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod attend;
pub mod build;
pub mod diagnostics;
pub mod digest;
pub mod engine;
pub mod health;
pub mod host;
pub mod show;
