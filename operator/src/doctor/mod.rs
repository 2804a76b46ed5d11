//! What `nixfleet doctor` finds on the operator's machine and on hosts. Nothing here changes anything.

mod finding;
mod host;
mod machine;

pub use finding::{DoctorVerdict, Finding};
pub use host::{Inspected, host};
pub use machine::machine;
