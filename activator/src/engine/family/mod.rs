//! Families: the kinds of things that a transaction can change and undo. Each folder holds all that the engine knows of its kind;
//! the steps themselves are a part of the plan, see [`nixfleet_contract::step`].
//!
//! - [`accounts`]: users and groups
//! - [`commands`]: commands of files that change
//! - [`paths`]: files, links and directories
//! - [`units`]: systemd's units

pub mod accounts;
pub mod commands;
pub mod paths;
pub mod units;
