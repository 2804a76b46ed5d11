//! Keeps what a host sends from steering the terminal.

/// Makes control characters visible instead of effective, and marks characters that reorder text. Line ends and tabs
/// stay.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{7f}' => '\u{2421}',
            // The block of control pictures mirrors the control characters.
            '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        assert_eq!(clean("a\tb\nü"), "a\tb\nü");
        assert_eq!(clean("\u{1b}[2J\u{7}\r\u{7f}"), "␛[2J␇␍␡");
        assert_eq!(clean("\u{9b}31m\u{202e}txt"), "\u{fffd}31m\u{fffd}txt");
    }

    proptest::proptest! {
        #[test]
        fn no_control_character_is_left(text in ".*") {
            proptest::prop_assert!(clean(&text).chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
        }
    }
}
