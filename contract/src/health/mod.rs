//! Health checks: conditions that a host must meet to count as healthy.
//!
//! - [`changes`]: the differences between the health checks of two generations
//! - [`check`]: a health check as a manifest declares it
//! - [`result`]: the result of a health check
//! - [`verdict`]: what the results of all checks mean for a change

pub mod changes;
pub mod check;
pub mod result;
pub mod verdict;

pub use changes::{CheckChange, CheckChanges};
pub use check::{Check, Http, OnCheckFailure, Probe, Side};
pub use result::{CheckResult, Checked};
pub use verdict::HealthVerdict;
