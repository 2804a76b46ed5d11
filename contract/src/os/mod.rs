//! Updates of the operating system and reboots.
//!
//! - [`policy`]: the policy of a host in the inventory
//! - [`window`]: weekly windows of time
//! - [`update`]: the updates that a host would install
//! - [`reboot`]: the reasons for which a host has to be rebooted
//! - [`status`]: the part of the status of a host
//! - [`record`]: the record of a host about its updates

pub mod policy;
pub mod reboot;
pub mod record;
pub mod status;
pub mod update;
pub mod window;
