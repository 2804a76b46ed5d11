//! Updates of the operating system with apt, reboots, and the part of the status that is about them.
//!
//! - [`offers`]: the updates that apt offers, and those that it keeps back
//! - [`preferences`]: priorities of apt for a question
//! - [`mod@plan`]: the plan of an update
//! - [`store`]: the files of an update, which stay as they are until it is installed
//! - [`mod@update`]: the run of an update
//! - [`record`]: the record of a host about its updates
//! - [`reboot_need`]: the reasons for which a host has to be rebooted
//! - [`outdated`]: the units that run code that was replaced
//! - [`mod@status`]: the operating system in the status of a host
//! - [`mod@reboot`]: a reboot on request

pub mod offers;
pub mod outdated;
pub mod plan;
mod preferences;
pub mod reboot;
pub mod reboot_need;
pub mod record;
pub mod status;
pub mod store;
pub mod update;
