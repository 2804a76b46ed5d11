//! The lab: real systemd hosts on this machine, booted from a Debian root in containers on a network of their own.
//!
//! [`lab::Lab`] boots one, [`guest::Guest`] is one of its hosts, [`operator`] is the machine commands are typed on.

pub mod apt;
pub mod cgroup;
pub mod command;
pub mod control;
pub mod files;
pub mod guest;
pub mod lab;
pub mod operator;
pub mod place;
pub mod reaper;
pub mod recipe;
pub mod rootfs;
pub mod seed;
pub mod spec;
pub mod supervisor;
