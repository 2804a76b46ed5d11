//! The operator's side of `NixFleet` as a library. It evaluates and builds a fleet, connects to hosts, and
//! orchestrates and records changes. The library prints nothing and parses no command line. Only the
//! activator on a host changes that host.
//!
//! - [`flake`][], [`nix`][], [`inventory`][]: the flake of a fleet, its closures, and the selection of hosts
//! - [`process`][], [`ssh`][], [`remote`][]: local programs, connections to hosts, and activator commands
//! - [`calendar`]: when windows of time are open
//! - [`rollout`][]: the rollout of a change through many hosts
//! - [`operation`][]: the operations on a fleet, such as apply, and their requests
//! - [`event`][], [`history`][], [`notify`][]: events, their record, and notifications
//! - [`host_result`][], [`plan_text`][]: the results of a command on each host
//! - [`bootstrap`][], [`host_keys`][], [`password`][]: hosts that are not managed yet
//! - [`import`][]: the inventories of other tools
//! - [`stop`][]: the reasons why an operation ends before it works on hosts

#![deny(clippy::print_stdout, clippy::print_stderr)]
// Tests may start servers and programs directly.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod bootstrap;
pub mod calendar;
pub mod contents;
mod diagnostics;
pub mod doctor;
pub mod errands;
pub mod event;
pub mod flake;
pub mod health;
pub mod history;
pub mod host_keys;
pub mod host_result;
pub mod identity;
pub mod import;
pub mod interrupt;
pub mod inventory;
pub mod nix;
pub mod notify;
pub mod operation;
pub mod orchestrate;
pub mod password;
pub mod plan_text;
pub mod process;
mod reboot_slots;
pub mod remote;
pub mod rollout;
pub mod ssh;
pub mod state;
pub mod stop;
pub mod text;

#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod sample;
