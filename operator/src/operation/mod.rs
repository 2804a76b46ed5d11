//! What can be done with a fleet, a step per file. Commands, tests and other callers put the steps together.
//!
//! - [`context`]: what each operation works with
//! - [`fleet`]: the fleet, and the hosts that take part
//! - [`connections`], [`window`]: how hosts are connected, and how a change is confirmed
//! - [`planning`], [`host_plan`], [`saved_plan`]: the plans of hosts
//! - [`change`], [`carry_out`], [`post_change_checks`]: carrying plans out
//! - [`resume`], [`resume_state`], [`reconcile`]: going on with a rollout that stopped
//! - [`rollback`]: taking hosts back

pub mod carry_out;
pub mod change;
pub mod connections;
pub mod context;
pub mod fleet;
pub mod host_plan;
pub mod planning;
pub mod post_change_checks;
pub mod reconcile;
pub mod resume;
pub mod resume_state;
pub mod rollback;
pub mod rollout_view;
pub mod saved_plan;
pub mod window;

pub use connections::Connections;
pub use context::Context;
pub use window::Window;
