//! Health checks: what a host has to do well to count as healthy.
//!
//! - [`check`]: a check as a manifest has it
//! - [`result`]: what came of it
//! - [`verdict`]: what results mean for a host

pub mod check;
pub mod result;
pub mod verdict;

pub use check::{Check, Http, OnFailure, Probe, Side};
pub use result::{CheckResult, Checked};
pub use verdict::Verdict;
