//! A possible completion of the word that the user is typing.

use std::fmt;

use nixfleet_operator::text::one_line;

/// A possible completion of the word that the user is typing, with an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The completed word.
    pub value: String,
    /// The explanation, in one line. It may be empty.
    pub help: String,
}

impl Candidate {
    /// Creates a candidate without an explanation.
    pub fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), help: String::new() }
    }

    /// Creates a candidate with an explanation.
    pub fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self { value: value.into(), help: help.into() }
    }
}

/// Formats the candidate for the completion scripts: the word, a tab and the explanation, in one line.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text: &str| one_line(text.lines().next().unwrap_or_default());
        write!(f, "{}\t{}", line(&self.value), line(&self.help))
    }
}
