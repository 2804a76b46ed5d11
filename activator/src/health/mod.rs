//! Health checks: what a host has to do well to count as healthy, and trying whether it does.
//!
//! - [`check`]: a check as a manifest has it
//! - [`result`]: what came of it
//! - [`mod@run`]: all checks of a side at once, each with its delays, retries and limits
//! - [`vantage`]: from where checks are tried
//! - [`probe`]: one attempt at each kind of check
//! - [`verdict`]: what results mean for a host
//! - [`last`]: the last results on a host, as they stay known

pub mod check;
pub mod last;
pub mod probe;
pub mod result;
pub mod run;
pub mod vantage;
pub mod verdict;

pub use check::{Check, Http, OnFailure, Probe, Side};
pub use result::{CheckResult, Checked};
pub use run::{Call, run};
pub use vantage::Vantage;
pub use verdict::Verdict;
