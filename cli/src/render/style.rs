//! The few styles of the output. Whoever prints drops them where they are not wanted: no terminal, or
//! `NO_COLOR`.

use anstyle::{AnsiColor, Style};
use nixfleet_contract::outcome::Outcome;

/// Headings.
pub const BOLD: Style = Style::new().bold();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// Something comes.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Something goes, or is wrong.
pub const RED: Style = AnsiColor::Red.on_default();
/// Something changes, or needs attention.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Colours that tell hosts apart where their lines mix.
pub const HOST_COLOURS: [Style; 6] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::BrightCyan.on_default(),
];

/// Text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The style of an outcome: only what is good is green.
pub const fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Ok | Outcome::Unchanged => GREEN,
        Outcome::Partial | Outcome::Deferred | Outcome::Skipped => YELLOW,
        Outcome::Blocked | Outcome::Failed | Outcome::RolledBack | Outcome::Unreachable => RED,
    }
}
