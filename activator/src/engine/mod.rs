//! The engine: reads everything, decides in memory, then changes the host in one transaction.
//!
//! - [`family`]: the families of steps: accounts, paths, the profile, commands and units
//! - [`state`]: the record of what NixFleet owns, as the last transaction left it
//! - [`observe`]: the current state of the host
//! - [`plan`]: the steps that bring the host to a target
//! - [`validate`]: the validation of a target with the host's own tools
//! - [`transaction`]: the execution, undo and commit of a change
//! - [`apt`]: the plan of what apt would do
//! - [`os`]: updates of the operating system, and reboots
//! - [`health`]: the health checks of a change
//! - [`apply`]: an apply or a rollback, from taking the lock to the report
//! - [`status`]: the status of a host
//! - [`recovery_unit`]: the unit that recovers a host at boot
//! - [`gc`]: the removal of generations that nothing needs
//! - [`backups`]: the backups of replaced content
//! - [`forget`]: the end of management

pub mod apply;
pub mod apt;
pub mod backups;
pub mod family;
pub mod forget;
pub mod gc;
pub mod health;
pub mod observe;
pub mod os;
pub mod plan;
pub mod recovery_unit;
pub mod state;
pub mod status;
pub mod transaction;
pub mod validate;
