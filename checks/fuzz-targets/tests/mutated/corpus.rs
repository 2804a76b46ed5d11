//! The committed seeds of a fuzz target, and the words of the dictionary.

use std::fs;
use std::path::Path;

/// The folder that contains the folders with seeds, and the dictionary.
pub const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");

/// The seeds that the mutator changes to make inputs, and the words that it inserts.
pub struct Corpus {
    pub seeds: Vec<Vec<u8>>,
    pub words: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads the seeds of a target, and the words of the dictionary.
    pub fn of(target: &str) -> Self {
        let folder = Path::new(FUZZ).join("seeds").join(target);
        let seeds = names(&folder).into_iter().map(|name| fs::read(folder.join(name)).unwrap()).collect();
        let dictionary = fs::read_to_string(Path::new(FUZZ).join("dictionary")).unwrap();
        let lines = dictionary.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { seeds, words: lines.map(word).collect() }
    }
}

/// Returns the names of the entries of a folder, in sorted order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

/// Reads a line of a dictionary, a word in quotes, and resolves the escapes `\\`, `\"` and `\xAB` in it.
fn word(line: &str) -> Vec<u8> {
    let quoted = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut bytes = quoted.unwrap_or_else(|| panic!("not a word in quotes: {line}")).bytes();
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        word.push(match byte {
            b'\\' => match bytes.next() {
                Some(byte @ (b'\\' | b'"')) => byte,
                Some(b'x') => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                _ => panic!("an unknown escape: {line}"),
            },
            byte => byte,
        });
    }
    word
}

#[test]
fn a_word_of_the_dictionary_is_read_with_its_escapes() {
    assert_eq!(word(r#""\"uid\":""#), br#""uid":"#);
    assert_eq!(word(r#""\\u001b""#), br"\u001b");
    assert_eq!(word(r#""\xe2\x80\xae""#), "\u{202e}".as_bytes());
}
