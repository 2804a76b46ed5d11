//! Health checks: conditions that a host must meet to count as healthy.
//!
//! - [`check`]: a check, as in a manifest
//! - [`result`]: the result of a check
//! - [`verdict`]: what the results mean for a host

pub mod check;
pub mod result;
pub mod verdict;

pub use check::{Check, Http, OnCheckFailure, Probe, Side};
pub use result::{CheckResult, Checked};
pub use verdict::HealthVerdict;
