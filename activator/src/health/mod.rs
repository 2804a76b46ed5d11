//! Trying whether a host does well what it has to.
//!
//! - [`mod@run`]: all checks of a side at once, each with its delays, retries and limits
//! - [`vantage`]: from where checks are tried
//! - [`probe`]: one attempt at each kind of check
//! - [`last`]: the last results on a host, as they stay known

pub mod last;
pub mod probe;
pub mod run;
pub mod vantage;

pub use run::{Call, run};
pub use vantage::Vantage;
