//! Output for people. Results are printed on standard output, progress and questions on standard error.

mod apt;
mod backups;
mod bootstrap;
mod diff;
mod doctor;
mod errands;
mod explanation;
mod fold;
#[cfg(test)]
mod forged_tests;
mod forget;
mod gc;
mod generation;
mod health;
mod history;
mod import;
mod os_update;
#[cfg(any(test, feature = "output-checks"))]
pub mod output_checks;
mod plan;
mod print;
mod progress;
mod reboot;
mod same_messages;
mod size;
mod status;
mod style;
mod summary;
mod table;
mod totals;
mod waves;

pub use backups::{backups, dropped, drops};
pub use bootstrap::{adopted, bootstrap_plans, bootstrap_reports, offers};
pub use doctor::diagnosis;
pub use errands::errands;
pub use explanation::{codes, explanation, explanation_section, how_to_explain};
pub use fold::folded;
pub use forget::{forget_plans, forgotten};
pub use gc::{gc_plans, gc_reports};
pub use health::health;
pub use history::{entries, entry};
pub use import::{imported, imported_apt};
pub use os_update::updates;
pub use plan::plans;
pub use print::{err, json, lost, out};
pub use progress::Progress;
pub use reboot::{reboots, schedule};
pub use size::size;
pub use status::{statuses, tally_of_statuses};
pub use style::{HOST_COLOURS, paint};
pub use summary::{after_blocked, results, tally};
pub use table::table;
pub use totals::Totals;
pub use waves::{interrupted_after_all, time, waves, what_next};

/// Indents each line of a text by two columns. Empty lines stay empty.
fn indented(text: &str) -> String {
    text.lines().flat_map(|line| [if line.is_empty() { "" } else { "  " }, line, "\n"]).collect()
}
