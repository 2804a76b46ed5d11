//! What people see of a plan.

#[path = "../../cli/src/render/clean.rs"]
mod clean;
#[path = "../../cli/src/render/diff.rs"]
mod diff;
#[path = "../../cli/src/render/plan.rs"]
mod plan;
#[allow(dead_code, reason = "a plan has no outcome yet")]
#[path = "../../cli/src/render/style.rs"]
mod style;

pub use clean::clean;
pub use plan::plans;
