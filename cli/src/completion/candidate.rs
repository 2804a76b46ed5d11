//! A word that a shell may offer.

use std::fmt;

use nixfleet_operator::text::one_line;

/// A word, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The whole word.
    pub value: String,
    /// What it means, in one line; may be empty.
    pub help: String,
}

impl Candidate {
    /// A word that needs no explanation.
    pub fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), help: String::new() }
    }

    /// A word, and what it means.
    pub fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self { value: value.into(), help: help.into() }
    }
}

/// As the scripts of the shells read it: the word, a tab, and what it means, in one line.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text: &str| one_line(text.lines().next().unwrap_or_default());
        write!(f, "{}\t{}", line(&self.value), line(&self.help))
    }
}
