//! Names in the inventory. Names are used in selectors and as arguments of commands, so none may start with a
//! hyphen. Names are also read by people, so they must be plain ASCII. In plain ASCII, no two names look
//! alike, and no name is written from right to left.

use serde::{Deserialize, Deserializer};

use super::Invalid;

/// The kind of a name. The rules of each kind are also in `lib/types/named.nix`, so that evaluation and the
/// command line refuse the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The name of a host, such as `web-1`.
    Host,
    /// The name or address of a host for `ssh`. With a leading hyphen, `ssh` would read the name as an
    /// option.
    Address,
    /// The user that `ssh` logs in as.
    Login,
    /// A Nix system, such as `x86_64-linux`.
    System,
    /// The name of a role, of a notification, or of a dimension of tags, such as `rack` in the tag `rack:a`.
    Label,
    /// A tag: a label such as `prod`, or a dimension and a value such as `rack:a`.
    Tag,
}

impl Word {
    /// Checks a text against the rules of this kind.
    ///
    /// # Errors
    /// The text breaks the rules.
    pub fn check(self, text: &str) -> Result<(), Invalid> {
        let (noun, is_right) = match self {
            Self::Host => ("host name", is_host(text)),
            Self::Address => ("address", is_word(text, "_:", "._:%-")),
            Self::Login => {
                ("user name", is_word(text, "_", "_.@-") && !text.starts_with(|c: char| c.is_ascii_digit()))
            }
            Self::System => ("system", text.strip_suffix("-linux").is_some_and(is_architecture)),
            Self::Label => ("label", is_label(text)),
            Self::Tag => ("tag", text.split_once(':').map_or_else(|| is_label(text), is_value)),
        };
        // The message escapes letters outside of ASCII, since they may look like ASCII letters.
        if is_right {
            Ok(())
        } else {
            Err(Invalid(format!("`{}` is not a valid {noun}", text.escape_default())))
        }
    }
}

/// Returns whether a text consists of ASCII letters, ASCII digits and certain other characters: the
/// characters in `first` are allowed at the start, and the characters in `rest` after the first character.
fn is_word(text: &str, first: &str, rest: &str) -> bool {
    let is = |c: char, others: &str| c.is_ascii_alphanumeric() || others.contains(c);
    let mut letters = text.chars();
    letters.next().is_some_and(|c| is(c, first)) && letters.all(|c| is(c, rest))
}

fn is_host(text: &str) -> bool {
    is_word(text, "", "-") && !text.ends_with('-') && text.len() <= 63
}

fn is_label(text: &str) -> bool {
    is_word(text, "", "._-")
}

fn is_value((dimension, value): (&str, &str)) -> bool {
    is_label(dimension) && is_label(value)
}

fn is_architecture(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Defines a function for each kind of name, which deserializes a string and checks that it is such a name.
macro_rules! readers {
    ($($reader:ident: $word:ident),*) => { $(
        pub(crate) fn $reader<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
            checked(Word::$word, String::deserialize(deserializer)?)
        }
    )* };
}

readers!(host: Host, address: Address, login: Login, system: System);

pub(crate) fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(deserializer)?.into_iter().map(|text| checked(Word::Label, text)).collect()
}

pub(crate) fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(deserializer)?.into_iter().map(|text| checked(Word::Tag, text)).collect()
}

pub(crate) fn dimension<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)?.map(|text| checked(Word::Label, text)).transpose()
}

pub(crate) fn optional_tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)?.map(|text| checked(Word::Tag, text)).transpose()
}

/// Returns the text if it is a valid name of the kind `word`.
pub(crate) fn checked<E: serde::de::Error>(word: Word, text: String) -> Result<String, E> {
    word.check(&text).map(|()| text).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Word; 6] = [Word::Host, Word::Address, Word::Login, Word::System, Word::Label, Word::Tag];

    #[test]
    fn words_are_what_the_inventory_takes() {
        for (word, good) in [
            (Word::Host, "web-1"),
            (Word::Address, "fe80::1%eth0"),
            (Word::Address, "_gateway"),
            (Word::Address, "::1"),
            (Word::Login, "ada.b@example.org"),
            (Word::System, "x86_64-linux"),
            (Word::Label, "a.b_c-d"),
            (Word::Tag, "rack:a"),
            (Word::Tag, "prod"),
        ] {
            assert_eq!(word.check(good), Ok(()), "{good}");
        }
        let long = "a".repeat(64);
        for (word, bad) in [
            (Word::Host, "web.1"),
            (Word::Host, "web-"),
            (Word::Host, &long),
            (Word::Login, "1ada"),
            (Word::System, "x86_64-darwin"),
            (Word::Label, "a:b"),
            (Word::Tag, "a:b:c"),
            (Word::Tag, "a:"),
        ] {
            assert!(word.check(bad).is_err(), "{word:?} {bad}");
        }
    }

    #[test]
    fn no_word_is_an_option_or_looks_like_another() {
        for bad in [
            "",
            "-oProxyCommand=id",
            "--",
            "we\u{202e}b",
            "we\u{200b}b",
            "w\u{435}b",
            "web\n",
            "we b",
            "@web",
            "web\u{e0041}",
        ] {
            for word in ALL {
                assert!(word.check(bad).is_err(), "{word:?} {bad:?}");
            }
        }
    }
}
