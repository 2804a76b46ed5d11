//! What a step says to people: the activator prints it plainly, the command line in colours.

use std::fmt;

/// What happens to the thing that a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is new.
    Comes,
    /// It goes.
    Goes,
    /// It changes.
    Changes,
    /// It stays as it is.
    Stays,
}

impl Sign {
    /// The character before the line.
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

/// How much attention a part of a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What the line is about.
    Plain,
    /// A remark.
    Quiet,
    /// Something that nobody should overlook.
    Loud,
}

/// One line about a step. Its words may be those of a host: whoever shows them on a terminal escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What happens.
    pub sign: Sign,
    /// The words, in order.
    pub parts: Vec<(Tone, String)>,
}

impl Line {
    /// A line that begins with what it is about.
    #[must_use]
    pub fn new(sign: Sign, text: impl Into<String>) -> Self {
        Self { sign, parts: vec![(Tone::Plain, text.into())] }
    }

    /// The same with more words at its end.
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
