//! Escapes untrusted text, so that the text cannot control the terminal, imitate messages of NixFleet, or
//! hide what it contains.
//!
//! The standard library determines which characters are visible, according to the Unicode version of the
//! compiler. Its `escape_debug` escapes control characters, format characters, line and paragraph separators,
//! private and unassigned characters, and all blanks except the ordinary space.

mod json;

use nixfleet_contract::problem::Problem;

pub use json::json_line;

/// The maximum number of combining marks on one character. Pointed Hebrew has this many.
const MARKS: usize = 4;

/// The invisible characters that are not escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    Lines,
    LinesAndStyles,
}

/// Escapes untrusted text for use within one line. All invisible characters are escaped, including line ends.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, Keep::Nothing)
}

/// Escapes untrusted text, except line ends and tabs. The caller must put a prefix or an indentation before
/// each line, so that no line can imitate a message of NixFleet.
#[must_use]
pub fn many_lines(text: &str) -> String {
    escaped(text, Keep::Lines)
}

/// Formats and escapes a problem. Only the first line of the result begins at the first column.
#[must_use]
pub fn problem_text(problem: &Problem) -> String {
    many_lines(&problem.to_string())
}

/// Escapes a complete rendering before it is written to the terminal. Only line ends, tabs and style
/// sequences are left as they are. This is a safeguard for text that was not escaped earlier.
#[must_use]
pub fn steady(rendered: &str) -> String {
    escaped(rendered, Keep::LinesAndStyles)
}

fn escaped(text: &str, keep: Keep) -> String {
    let mut escaped = String::with_capacity(text.len());
    // A mark at the beginning of the text is escaped, because it would combine with the character printed
    // before the text.
    let mut marks = MARKS;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if keep == Keep::LinesAndStyles
            && let Some(style) = style(rest)
        {
            escaped.push_str(&rest[..style]);
            rest = &rest[style..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if keep != Keep::Nothing && matches!(c, '\n' | '\t') {
            escaped.push(c);
            marks = MARKS;
        } else if !is_visible(c) || is_mark(c) && marks == MARKS {
            push_escaped(&mut escaped, c);
            marks = MARKS;
        } else {
            escaped.push(c);
            marks = if c == ' ' {
                MARKS
            } else if is_mark(c) {
                marks + 1
            } else {
                0
            };
        }
    }
    escaped
}

/// Returns the length of the escape sequence at the beginning of a text, if this sequence only sets a style.
fn style(text: &str) -> Option<usize> {
    let (digits, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let is_style = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    is_style.then_some(digits.len() + 3)
}

fn push_escaped(text: &mut String, c: char) {
    match c {
        // The Unicode control pictures begin at U+2400 and have the order of the control characters.
        '\0'..='\u{1f}' => text.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => text.push('\u{2421}'),
        c => text.extend(c.escape_unicode()),
    }
}

/// Whether a reader can see that the character is there.
fn is_visible(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // The following characters are invisible: the letters and marks with the property
        // Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt, and the Braille pattern
        // without dots.
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        c => {
            // At the beginning of a text, `escape_debug` escapes even visible combining marks, so `c` is
            // tested after an `x`.
            let mut bytes = [b'x'; 5];
            let end = 1 + c.encode_utf8(&mut bytes[1..]).len();
            str::from_utf8(&bytes[..end]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
        }
    }
}

/// Whether a visible character is a mark that combines with the character before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.escape_debug().len() > 1
}

/// Formats a number of hosts, as in `1 host` or `2 hosts`.
#[must_use]
pub fn hosts(count: usize) -> String {
    if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        assert_eq!(one_line("\u{1b}[2J\u{7}\r\u{7f}"), "␛[2J␇␍␡");
        assert_eq!(one_line("\u{9b}31m\u{202e}txt"), "\\u{9b}31m\\u{202e}txt");
        assert_eq!(one_line("done\n2 hosts:\t2 ok"), "done␊2 hosts:␉2 ok");
        assert_eq!(many_lines("a\tb\nü\u{2028}c\u{85}\r\n"), "a\tb\nü\\u{2028}c\\u{85}␍\n");
    }

    #[test]
    fn ordinary_text_stays_readable() {
        for text in
            ["ü é ß", "日本語", "Привет", "שלום", "नमस्ते", "ภาษาไทย", "🚀 → ✓ ✗ … · „“", "e\u{301}", "€ ° ½"]
        {
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for hidden in [
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{e000}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{ffff}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ] {
            assert_eq!(one_line(&format!("a{hidden}b")), format!("a{}b", hidden.escape_unicode()));
        }
    }

    #[test]
    fn marks_stand_only_on_a_character_and_only_a_few() {
        let mark = "\u{301}";
        assert_eq!(one_line(mark), "\\u{301}");
        assert_eq!(one_line(&format!("a {mark}")), "a \\u{301}");
        assert_eq!(one_line(&format!("a{}", mark.repeat(5))), format!("a{}\\u{{301}}", mark.repeat(4)));
    }

    #[test]
    fn a_rendering_keeps_its_styles_and_nothing_else_that_steers() {
        let styled = "\u{1b}[1m\u{1b}[38;5;1mweb-1\u{1b}[0m\n\tok";
        assert_eq!(steady(styled), styled);
        assert_eq!(steady("\u{1b}[2J\u{1b}]0;x\u{7}\u{1b}["), "␛[2J␛]0;x␇␛[");
    }

    proptest::proptest! {
        #[test]
        fn only_what_can_be_seen_is_left_and_it_is_left_alone(
            text in "\\PC*|.*|[\\x00-\\x20é\u{301}\u{2028}\u{202e}]*",
        ) {
            let once = one_line(&text);
            proptest::prop_assert!(once.chars().all(is_visible), "{:?}", once);
            proptest::prop_assert_eq!(one_line(&once), once.clone());
            proptest::prop_assert_eq!(once.is_empty(), text.is_empty());
        }
    }
}
