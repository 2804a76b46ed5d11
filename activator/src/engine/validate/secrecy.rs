//! Removes the contents of files that other users may not read from the messages of tools, since these
//! messages become part of plans, reports and histories.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The maximum number of bytes that are read from a file.
const LIMIT: u64 = 1024 * 1024;
/// The minimum length of a word to hide, in characters. Shorter words occur in almost every message.
const SHORTEST: usize = 4;

/// The words that must not be shown.
#[derive(Debug, Default)]
pub struct Secrecy(BTreeSet<String>);

impl Secrecy {
    /// Collects the words in these files.
    #[must_use]
    pub fn of<'f>(files: impl IntoIterator<Item = &'f Path>) -> Self {
        let mut words = BTreeSet::new();
        for file in files {
            let mut bytes = Vec::new();
            // A file that cannot be read is skipped, since a tool cannot quote it either.
            let _ = File::open(file).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
            let text = String::from_utf8_lossy(&bytes);
            words.extend(pieces(&text).filter(|(is_word, _)| *is_word).map(|(_, word)| word.to_owned()));
        }
        words.retain(|word| word.chars().count() >= SHORTEST);
        Self(words)
    }

    /// Returns the text with each secret word replaced by `…`.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let hidden = |(is_word, piece)| if is_word && self.hides(piece) { "…" } else { piece };
        pieces(text).map(hidden).collect()
    }

    /// Whether a word contains a secret word or is part of one. A tool may have shortened the secret word or
    /// put it in quotes.
    fn hides(&self, word: &str) -> bool {
        let long = word.chars().count() >= SHORTEST;
        long && self.0.iter().any(|secret| secret.contains(word) || word.contains(secret.as_str()))
    }
}

/// Splits a text into words and the separators between them. The flag is true for words.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let is_word = |letter: char| !letter.is_whitespace() && !"=:,;'\"`()[]{}<>".contains(letter);
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = is_word(rest.chars().next()?);
        let end = rest.find(|letter| is_word(letter) != first).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some((first, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_private_file_are_hidden_and_those_of_the_tool_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, "password = hunter2\nuser=ada\ntoken: 'abcdef-0123'\n").unwrap();
        let secrecy = Secrecy::of([&*file]);
        assert_eq!(
            secrecy.hide("/etc/app.conf:1: unknown value \"hunter2\" for password"),
            "/etc/app.conf:1: unknown value \"…\" for …"
        );
        assert_eq!(secrecy.hide("near `abcdef-01`\nuser is wrong"), "near `…`\n… is wrong");
        assert_eq!(Secrecy::default().hide("hunter2"), "hunter2");
    }
}
