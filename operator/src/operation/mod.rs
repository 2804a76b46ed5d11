//! The operations on a fleet. Each operation starts from a request, which is a plain value that states the
//! hosts and the terms of the operation. A request may come from the command line, a web page, a timer or a
//! test.
//!
//! - [`bootstrap`], [`adopt`], [`doctor`]: hosts that are not managed yet, their keys, and what is missing
//! - [`forget`]: the end of management
//! - [`verb`]: the trait of operations, such as [`apply`], [`rollback`], [`gc`] and [`backups`]
//! - [`rollout`], [`at_once`]: the two ways to work on many hosts, wave by wave or without waves
//! - [`os_update`], [`mod@reboot`]: updates of operating systems, and reboots
//! - [`status`], [`check`], [`run`], [`import_apt`]: commands that inspect hosts, or run a command of the
//!   user
//! - [`targets`], [`fleet`], [`connections`], [`policy_request`], [`window`]: the parts of a request
//! - [`apply_request`], [`build`], [`saved_plan`], [`resume`]: the request to apply, and where its closures
//!   come from: a build, a saved plan or an earlier rollout
//! - [`host_plan`], [`planned_change`]: the plan of one host
//! - [`going_back`], [`post_change_checks`], [`reconcile`], [`recovery`]: rollback, health checks and
//!   recovery of one host
//! - [`recover_hosts`]: the hosts that may recover

pub mod adopt;
mod ancestry;
pub mod apply;
pub mod apply_request;
pub mod at_once;
pub mod backups;
pub mod bootstrap;
mod bootstrap_problems;
pub mod build;
pub mod check;
pub mod connections;
pub mod context;
pub mod doctor;
pub mod fleet;
pub mod forget;
mod forget_problems;
pub mod gc;
pub mod going_back;
pub mod host_plan;
pub mod import_apt;
pub mod os_update;
pub mod planned_bootstrap;
pub mod planned_change;
pub mod planned_forget;
pub mod policy_request;
pub mod post_change_checks;
pub mod reboot;
pub mod reconcile;
pub mod recover_hosts;
pub mod recovery;
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
mod undoing;
pub mod verb;
pub mod window;

pub use connections::Connections;
pub use context::Context;
pub use targets::Targets;
pub use window::Window;
