//! The operator's side of `NixFleet` as a library: evaluates, builds, connects, orchestrates, records. It
//! prints nothing and knows no command line. Hosts are changed only by their own activator.
//!
//! - [`flake`][], [`nix`][], [`inventory`][]: the fleet, its closures, and the hosts that a selection means
//! - [`process`][], [`ssh`][], [`remote`][]: a program here, a connection to a host, a step on a host
//! - [`rollout`][]: how a change goes through many hosts
//! - [`operation`][]: what can be done with a fleet, such as apply, and the requests for it
//! - [`event`][], [`history`][], [`notify`][]: what happens, and who is told
//! - [`host_result`][], [`plan_text`][]: what a command finds on a host, or does to it
//! - [`stop`][]: why an operation ends before it has come to its hosts

#![deny(clippy::print_stdout, clippy::print_stderr)]
// Tests make servers and programs of their own.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod contents;
mod diagnostics;
pub mod errands;
pub mod event;
pub mod flake;
pub mod health;
pub mod history;
pub mod host_result;
pub mod identity;
pub mod interrupt;
pub mod inventory;
pub mod nix;
pub mod notify;
pub mod operation;
pub mod orchestrate;
pub mod plan_text;
pub mod process;
pub mod remote;
pub mod rollout;
pub mod ssh;
pub mod state;
pub mod stop;
pub mod text;

#[cfg(test)]
#[path = "../tests/sample/host.rs"]
mod sample;
