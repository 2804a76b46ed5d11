//! What this machine is to do for a fleet.

use std::fmt::Write as _;

use super::one_line;
use super::style::paint;

/// How many of them are shown.
const SHOWN: usize = 20;

/// What is new of it; nothing where nothing is.
pub fn errands(new: &[String]) -> String {
    let mut text = String::new();
    if new.is_empty() {
        return text;
    }
    let _ = writeln!(text, "This fleet has this machine do what it did not do before:");
    for errand in new.iter().take(SHOWN) {
        let _ = writeln!(text, "  {} {}", paint(super::style::GREEN, "+"), one_line(errand));
    }
    if let Some(more) = new.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "  … and {more} more");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_a_line_each_and_not_endless() {
        assert_eq!(errands(&[]), "");
        let many: Vec<String> = (0..22).map(|number| format!("runs /bin/{number}\n\u{7}")).collect();
        let shown = anstream::adapter::strip_str(&errands(&many)).to_string();
        assert!(shown.contains("  + runs /bin/0␊␇\n") && shown.ends_with("  … and 2 more\n\n"), "{shown}");
        assert_eq!(shown.lines().count(), SHOWN + 3);
    }
}
