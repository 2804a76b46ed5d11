//! Health checks: conditions that a host must meet to count as healthy.
//!
//! - [`check`]: the declaration of a check in a manifest
//! - [`result`]: the result of a check
//! - [`verdict`]: the verdict on a host

pub mod check;
pub mod result;
pub mod verdict;

pub use check::{Check, Http, OnCheckFailure, Probe, Side};
pub use result::{CheckResult, Checked};
pub use verdict::HealthVerdict;
