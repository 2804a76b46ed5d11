//! The lab runs real systemd hosts on this machine. Each host is a container that boots a Debian root
//! filesystem, and each lab has its own network.
//!
//! [`lab::Lab`] boots a lab, [`guest::Guest`] is one of its hosts, and [`operator::Operator`] types commands
//! on the operator's machine.

pub mod apt;
pub mod bench;
pub mod binaries;
pub mod boot;
pub mod cgroup;
pub mod checkout;
pub mod command;
pub mod condition;
pub mod control;
pub mod crates;
mod debs;
pub mod demo;
pub mod docs_index;
pub mod files;
pub mod fuzz;
pub mod guest;
pub mod host_tests;
pub mod lab;
pub mod layers;
pub mod lint;
pub mod manual;
pub mod nix_linters;
pub mod nix_tests;
pub mod nixos_layer;
pub mod operator;
pub mod pages;
pub mod place;
pub mod plan;
pub mod previous;
pub mod processor_time;
pub mod reaper;
pub mod recipe;
pub mod rootfs;
pub mod seed;
pub mod shared_layer;
pub mod shown;
pub mod simulation;
pub mod snapshot;
pub mod spec;
pub mod suite;
pub mod supervisor;
pub mod tally;
pub mod type_names;
pub mod unit;
pub mod upgrade;
pub mod uses;
pub mod width;
