//! Samples for unit tests.

mod host;
mod plan;

pub use host::host;
pub use plan::plan;
