//! The engine that changes a host, and the builder of host closures. [`nixfleet_contract`] defines the
//! documents that the engine and the builder read and write.
//!
//! - [`build`]: the builder of a host closure
//! - [`engine`]: plan, apply, rollback, status
//! - [`attend`]: starts a change in a separate systemd unit, and follows the change
//! - [`health`]: the execution of health checks
//! - [`host`]: the parts of a host that the engine reads and changes
//! - [`diagnostics`]: log messages for the systemd journal of the host
//! - [`digest`]: SHA-256 digests
//! - [`show`]: plans, reports and states as text for people
//! - [`toplevel`]: NixOS systems in the Nix store
//! - `document_checks`: properties of parsed documents, for tests and fuzz targets

#![deny(clippy::print_stdout, clippy::print_stderr)]
// Tests write files directly, to create the hosts that they run the engine on.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod attend;
pub mod build;
pub mod diagnostics;
pub mod digest;
#[cfg(feature = "document-checks")]
pub mod document_checks;
pub mod engine;
pub mod health;
pub mod host;
pub mod show;
pub mod toplevel;
