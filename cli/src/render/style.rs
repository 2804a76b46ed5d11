//! The styles of the output. The printing functions remove styles if the output is not a terminal, or if
//! `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};
use nixfleet_contract::outcome::Outcome;

/// The style of headings.
pub const BOLD: Style = Style::new().bold();
/// The style of less important text.
pub const DIM: Style = Style::new().dimmed();
/// The color of additions and of good states.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// The color of removals and of bad states.
pub const RED: Style = AnsiColor::Red.on_default();
/// The color of changes and of states that need attention.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The colors of host names in front of output lines. They distinguish hosts whose lines are interleaved.
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

/// Returns the style in which an outcome is shown. Only good outcomes are green.
pub const fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Ok | Outcome::Unchanged => GREEN,
        Outcome::Partial | Outcome::Deferred | Outcome::Skipped => YELLOW,
        Outcome::Blocked | Outcome::Failed | Outcome::RolledBack | Outcome::Unreachable => RED,
    }
}
