//! What `nixfleet doctor` finds on the operator's machine and on hosts. Nothing here changes anything.

mod finding;
mod host;
mod machine;

pub use finding::{Finding, Verdict};
pub use host::{Inspected, host};
pub use machine::machine;
