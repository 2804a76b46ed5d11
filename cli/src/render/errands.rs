//! Tasks that the operator's machine does because the fleet says so, such as running the program of a
//! notification.

use std::fmt::Write as _;

use super::style::paint;
use nixfleet_operator::text::one_line;

/// Formats the tasks that are new to this machine. The list is never truncated, since a task could otherwise
/// be hidden behind many others. The text is empty if there are no new tasks.
pub fn errands(new: &[String]) -> String {
    let mut text = String::new();
    if new.is_empty() {
        return text;
    }
    let _ = writeln!(text, "This fleet makes this machine do the following for the first time:");
    for errand in new {
        let _ = writeln!(text, "  {} {}", paint(super::style::GREEN, "+"), one_line(errand));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_new_is_a_line_each() {
        assert_eq!(errands(&[]), "");
        let many: Vec<String> = (0..200).map(|number| format!("runs /bin/{number}\n\u{7}")).collect();
        let shown = anstream::adapter::strip_str(&errands(&many)).to_string();
        assert!(
            shown.contains("  + runs /bin/0␊␇\n") && shown.ends_with("  + runs /bin/199␊␇\n\n"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 1 + 200 + 1);
    }
}
