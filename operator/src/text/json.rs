//! Writes JSON lines that are safe to show on a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::is_visible;

/// Writes a value as a line of JSON. For a terminal, invisible characters are escaped, as in `\u202e`, which
/// JSON parsers read as the same character.
///
/// # Errors
/// The writer fails, or the value cannot be written as JSON.
pub fn json_line<T: Serialize>(mut to: impl Write, value: &T, is_terminal: bool) -> serde_json::Result<()> {
    if is_terminal {
        value.serialize(&mut Serializer::with_formatter(&mut to, Visible))?;
    } else {
        serde_json::to_writer(&mut to, value)?;
    }
    to.write_all(b"\n").map_err(serde_json::Error::io)
}

/// A JSON formatter that escapes invisible characters in strings. JSON has only visible characters outside of
/// strings.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| !is_visible(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + hidden.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_raw_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        self.write_string_fragment(writer, fragment)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn on(is_terminal: bool, value: &impl Serialize) -> String {
        let mut bytes = Vec::new();
        json_line(&mut bytes, value, is_terminal).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn on_a_terminal_json_hides_nothing_and_elsewhere_it_is_plain() {
        let value = "ü\n\u{9b}31m\u{202e}\u{2028}\u{e0041}日";
        assert_eq!(on(false, &value), "\"ü\\n\u{9b}31m\u{202e}\u{2028}\u{e0041}日\"\n");
        assert_eq!(on(true, &value), "\"ü\\n\\u009b31m\\u202e\\u2028\\udb40\\udc41日\"\n");
    }

    proptest::proptest! {
        #[test]
        fn on_a_terminal_json_means_the_same(
            text in ".*|[\\x00-\u{ff}\u{2000}-\u{206f}\u{e0000}-\u{e00ff}]*",
        ) {
            let raw = RawValue::from_string(serde_json::to_string(&text).unwrap()).unwrap();
            for shown in [on(true, &text), on(true, &raw)] {
                let line = shown.strip_suffix('\n').unwrap();
                proptest::prop_assert!(line.chars().all(is_visible), "{line:?}");
                proptest::prop_assert_eq!(serde_json::from_str::<String>(line).unwrap(), text.clone());
            }
        }
    }
}
