//! Steps in words: the activator prints them plainly, the command line in colours.

use std::fmt;

/// What happens to the subject of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is created.
    Comes,
    /// It is removed.
    Goes,
    /// It changes.
    Changes,
    /// It stays unchanged.
    Stays,
}

impl Sign {
    /// The character at the start of the line.
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

/// The emphasis of a part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The subject of the line.
    Plain,
    /// A remark.
    Quiet,
    /// Something that readers must not overlook.
    Loud,
}

/// One line about a step. Its words may come from a host: escape them before you show them on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What happens to the subject.
    pub sign: Sign,
    /// The words, in order.
    pub parts: Vec<(Tone, String)>,
}

impl Line {
    /// A line that starts with its subject.
    #[must_use]
    pub fn new(sign: Sign, text: impl Into<String>) -> Self {
        Self { sign, parts: vec![(Tone::Plain, text.into())] }
    }

    /// Appends words to the line.
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
