//! Health checks: conditions that a host must meet.
//!
//! - [`mod@run`]: all checks of the host or of the operator in parallel, with delays, retries and time limits
//! - [`vantage`]: the machine that checks run on
//! - [`probe`]: one attempt at each kind of check
//! - [`last`]: the last results of health checks on a host

pub mod last;
pub mod probe;
pub mod run;
pub mod vantage;

pub use run::{Call, run};
pub use vantage::Vantage;
