//! What can be done with a fleet. A request says what is wanted, of which hosts, and on which terms; it is a
//! plain value, whoever writes it: the command line, a page, a timer, a test.
//!
//! - [`verb`]: what an operation is; [`apply`], [`rollback`], [`gc`] and [`backups`] are some
//! - [`rollout`], [`at_once`]: two ways for an operation through many hosts: wave by wave, or all at once
//! - [`status`], [`check`], [`run`]: what looks at hosts, or runs a command of the user
//! - [`targets`], [`fleet`], [`connections`], [`policy_request`], [`window`]: the parts of requests
//! - [`apply_request`], [`build`], [`saved_plan`], [`resume`]: what an apply is planned from
//! - [`host_plan`], [`planned_change`]: the plan of a host
//! - [`going_back`], [`post_change_checks`], [`reconcile`]: what is done with one host around a change

pub mod apply;
pub mod apply_request;
pub mod at_once;
pub mod backups;
pub mod build;
pub mod check;
pub mod connections;
pub mod context;
pub mod fleet;
pub mod gc;
pub mod going_back;
pub mod host_plan;
pub mod planned_change;
pub mod policy_request;
pub mod post_change_checks;
pub mod reconcile;
pub mod resume;
pub mod resume_state;
pub mod rollback;
pub mod rollout;
pub mod rollout_view;
mod rollout_work;
pub mod run;
pub mod saved_plan;
pub mod status;
pub mod targets;
pub mod verb;
pub mod window;

pub use connections::Connections;
pub use context::Context;
pub use targets::Targets;
pub use window::Window;
