//! The command line of NixFleet: its arguments, its questions and its output. The operations themselves are
//! in `nixfleet-operator`.
//!
//! The program only calls [`run`]. The other public items format data from hosts. They are public so that
//! fuzz targets can call them.

// Only tests may run programs directly.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod args;
mod command;
mod completion;
mod diagnostics;
mod document;
mod exit;
mod program;
mod render;
mod tip;

pub use program::run;
#[cfg(feature = "output-checks")]
pub use render::output_checks;
pub use render::{
    backups, dropped, drops, gc_plans, gc_reports, health as health_table, imported, imported_apt, plans,
    results, statuses,
};
