//! Descriptions of steps, which the activator prints without colors and the command line with colors.

use std::fmt;

/// How a step changes the subject of its line, such as a path, a user or a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The subject is created.
    Comes,
    /// The subject is removed.
    Goes,
    /// The subject is changed.
    Changes,
    /// The subject is left unchanged.
    Stays,
}

impl Sign {
    /// Returns the character at the start of the line.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Comes => '+',
            Self::Goes => '-',
            Self::Changes => '~',
            Self::Stays => '=',
        }
    }
}

/// How strongly a part of a line is emphasized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The part names the subject of the line.
    Plain,
    /// The part is a remark about the subject.
    Quiet,
    /// The part is a warning that readers must not overlook.
    Loud,
}

/// A line that describes a step. Its text may come from a host, so it must be escaped before it is shown on a
/// terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How the step changes the subject.
    pub sign: Sign,
    /// The parts of the text, in order.
    pub parts: Vec<(Tone, String)>,
}

impl Line {
    /// Creates a line that starts with its subject.
    #[must_use]
    pub fn new(sign: Sign, text: impl Into<String>) -> Self {
        Self { sign, parts: vec![(Tone::Plain, text.into())] }
    }

    /// Appends a part to the line. An empty part is ignored.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.parts.push((tone, text));
        }
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.sign.mark())?;
        self.parts.iter().try_for_each(|(_, text)| f.write_str(text))
    }
}
