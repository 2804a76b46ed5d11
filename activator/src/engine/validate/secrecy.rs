//! Keeps the content of files that others on the host may not read out of the words of tools: those words go
//! to plans, reports and histories.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// How much of a content is looked at, in bytes.
const LIMIT: u64 = 1024 * 1024;
/// The shortest word that is hidden: shorter ones are in every sentence.
const SHORTEST: usize = 4;

/// Words that must not be shown.
#[derive(Debug, Default)]
pub struct Secrecy(BTreeSet<String>);

impl Secrecy {
    /// The words of these files.
    #[must_use]
    pub fn of<'f>(files: impl IntoIterator<Item = &'f Path>) -> Self {
        let mut words = BTreeSet::new();
        for file in files {
            let mut bytes = Vec::new();
            // A file that cannot be read has nothing to say to a tool either.
            let _ = File::open(file).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
            let text = String::from_utf8_lossy(&bytes);
            words.extend(pieces(&text).filter(|(is_word, _)| *is_word).map(|(_, word)| word.to_owned()));
        }
        words.retain(|word| word.chars().count() >= SHORTEST);
        Self(words)
    }

    /// The same text with `…` in the place of each of them.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let hidden = |(is_word, piece)| if is_word && self.hides(piece) { "…" } else { piece };
        pieces(text).map(hidden).collect()
    }

    /// A tool may have cut a word short, or put its own quotes around it.
    fn hides(&self, word: &str) -> bool {
        let long = word.chars().count() >= SHORTEST;
        long && self.0.iter().any(|secret| secret.contains(word) || word.contains(secret.as_str()))
    }
}

/// A text in pieces: words, and what stands between them.
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
