//! The checks that tests and fuzz targets make on the text that is shown for answers from hosts.

// The checks panic when they fail, as in a test.
#![allow(clippy::panic)]

/// The texts with which a line may start if it is not indented: the name of the host, or fixed words of the
/// program.
const BEGINNINGS: [&str; 10] = [
    "web-1",
    "host ",
    "name ",
    "No backups.",
    "error: [NF-",
    "[NF-",
    "warning: ",
    "wave ",
    "Paused",
    "stays: web-1",
];

/// Checks the text that is shown for the host `web-1`. Each line must be empty, be indented, or start with a
/// number of hosts or backups, or start with one of `BEGINNINGS`. No character may be invisible or control
/// the terminal.
///
/// # Panics
/// Panics if the text violates one of these requirements.
pub fn check_lines(rendered: &str) {
    let plain = without_styles(rendered);
    assert!(!plain.chars().any(is_hidden), "{plain:?}");
    for line in plain.split('\n') {
        let is_ours = line.is_empty() || line.starts_with(' ') || is_count(line);
        assert!(
            is_ours || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)),
            "{line:?} of {plain:?}"
        );
    }
}

/// Removes the styles that the program uses: bold, dim and colors. Panics on any other control sequence.
fn without_styles(rendered: &str) -> String {
    let mut parts = rendered.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let style = part.split_once('m').filter(|(style, _)| {
            let is_known = |number: &str| matches!(number.parse(), Ok(0..=2 | 30..=37 | 90..=97));
            style.split(';').all(is_known)
        });
        match style {
            Some((_, rest)) => plain.push_str(rest),
            None => panic!("a style that is not ours: {part:?}"),
        }
    }
    plain
}

/// Returns whether a line starts with a number of hosts or backups, such as `2 backups, 24 B, on 1 host`.
fn is_count(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next().is_some_and(|word| word.parse::<usize>().is_ok())
        && words.next().is_some_and(|word| matches!(word, "backup," | "backups," | "host:" | "hosts:"))
}

/// Returns whether a character is a control character other than line end and tab, or an invisible character
/// with which a host could forge a line.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{10ffff}'
        )
}
