//! The engine: read everything, decide in memory, then change the host all or nothing.
//!
//! - [`family`]: the kinds of things that a transaction changes and undoes
//! - [`state`]: what is owned, as the last transaction left it
//! - [`observe`]: the host as it stands
//! - [`plan`]: state, host and what it should become → steps
//! - [`validate`]: the host's own tools look at what it would become
//! - [`transaction`]: forward, back, done
//! - [`health`]: the health checks of a change
//! - [`apply`]: one run from the lock to the report
//! - [`status`]: how a host stands
//! - [`recovery_unit`]: the unit that recovers a host at boot
//! - [`gc`]: drops generations that nobody needs
//! - [`backups`]: content that was kept before it was replaced

pub mod apply;
pub mod backups;
pub mod family;
pub mod gc;
pub mod health;
pub mod observe;
pub mod plan;
pub mod recovery_unit;
pub mod state;
pub mod status;
pub mod transaction;
pub mod validate;
