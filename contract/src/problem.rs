//! The type of every expected error: what happened, where, why, and what to do, under a stable code.

mod code;
mod explanation;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use code::Code;
pub use explanation::{Explanation, UsualCause};

/// An expected error, with everything that the reader needs to understand and fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The stable code, such as `NF-301`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub code: Code,
    /// The description of what happened: one sentence without a full stop.
    pub what: String,
    /// The path, unit, option or host at which the problem occurred.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The cause, often in the words of the system or of a tool on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The next step for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    /// Creates a problem that only describes what happened.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), location: None, why: None, help: None }
    }

    /// Adds the path, unit, option or host at which the problem occurred.
    #[must_use]
    pub fn at(mut self, location: impl fmt::Display) -> Self {
        self.location = Some(location.to_string());
        self
    }

    /// Adds the cause of the problem.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    /// Adds the next step for the reader.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Formats the problem on several lines: what happened, where, why, and what to do. Continuation lines are
/// indented, so that text from a host cannot imitate the first line of another problem.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] ", self.code)?;
        write_lines(f, &self.what)?;
        for (label, text) in [("where", &self.location), ("why", &self.why), ("help", &self.help)] {
            if let Some(text) = text {
                write!(f, "\n  {label}: ")?;
                write_lines(f, text)?;
            }
        }
        Ok(())
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for (index, line) in text.trim_end().lines().enumerate() {
        let indent = if index > 0 && !line.is_empty() { "         " } else { "" };
        let end = if index > 0 { "\n" } else { "" };
        write!(f, "{end}{indent}{line}")?;
    }
    Ok(())
}
