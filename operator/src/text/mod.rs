//! Keeps text of others from steering the terminal, from looking like words of ours, and from reading as
//! something else.
//!
//! Which characters can be seen is the standard library's knowledge, in the Unicode version of the compiler:
//! its `escape_debug` leaves no control character alone, none that formats, no blank but the space, no line
//! or paragraph end, nothing private and nothing unassigned.

mod json;

use nixfleet_contract::problem::Problem;

pub use json::json_line;

/// How many characters may stand on top of one that they combine with: pointed Hebrew has so many.
const MARKS: usize = 4;

/// What stays as it is although it cannot be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    Lines,
    LinesAndStyles,
}

/// Text of others as a part of one line: what cannot be seen is escaped, a line end too.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, Keep::Nothing)
}

/// The same, but line ends and tabs stay: for text of which each line is then put behind something of ours.
#[must_use]
pub fn many_lines(text: &str) -> String {
    escaped(text, Keep::Lines)
}

/// A problem, of which only the first line begins at the first column.
#[must_use]
pub fn problem_text(problem: &Problem) -> String {
    many_lines(&problem.to_string())
}

/// A whole rendering on its way to the terminal. Only line ends, tabs and styles like ours may steer it,
/// whatever was forgotten before.
#[must_use]
pub fn steady(rendered: &str) -> String {
    escaped(rendered, Keep::LinesAndStyles)
}

fn escaped(text: &str, keep: Keep) -> String {
    let mut escaped = String::with_capacity(text.len());
    // At the beginning a mark would change a character of ours.
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

/// The length of the sequence with which a text begins, if that sets a style and does nothing else.
fn style(text: &str) -> Option<usize> {
    let (digits, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let is_style = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    is_style.then_some(digits.len() + 3)
}

fn push_escaped(text: &mut String, c: char) {
    match c {
        // The block of control pictures mirrors the control characters.
        '\0'..='\u{1f}' => text.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => text.push('\u{2421}'),
        c => text.extend(c.escape_unicode()),
    }
}

/// Whether somebody who reads a text sees that the character is there.
fn is_visible(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // Of Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt those that are letters and
        // marks, and a pattern of Braille without a dot.
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
            // Behind another character, `escape_debug` leaves those alone that only combine with it.
            let mut bytes = [b'x'; 5];
            let end = 1 + c.encode_utf8(&mut bytes[1..]).len();
            str::from_utf8(&bytes[..end]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
        }
    }
}

/// Whether a visible character stands on top of the one before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.escape_debug().len() > 1
}

/// A number of hosts in words.
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
