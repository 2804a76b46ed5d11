//! The styles of the output. The functions that print remove them if the output is not a terminal, or if
//! `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};
use nixfleet_contract::outcome::Outcome;

/// Headings.
pub const BOLD: Style = Style::new().bold();
/// Less important text.
pub const DIM: Style = Style::new().dimmed();
/// Something is added, or is good.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Something is removed, or is wrong.
pub const RED: Style = AnsiColor::Red.on_default();
/// Something changes, or needs attention.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Colors that distinguish hosts whose lines are mixed.
pub const HOST_COLOURS: [Style; 6] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::BrightCyan.on_default(),
];

/// Formats a text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns the style of an outcome. Only good outcomes are green.
pub const fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Ok | Outcome::Unchanged => GREEN,
        Outcome::Partial | Outcome::Deferred | Outcome::Skipped => YELLOW,
        Outcome::Blocked | Outcome::Failed | Outcome::RolledBack | Outcome::Unreachable => RED,
    }
}
