//! Unified diffs of file contents.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::style::{DIM, GREEN, RED, paint};
use nixfleet_operator::text::many_lines;

/// How many lines of a diff are shown at most. With `--verbose`, all lines are shown.
const SHOWN: usize = 60;

/// Time limit for the search for the shortest diff. After this time, a longer diff is accepted. Without a
/// limit, a host could send long texts with little in common, and the search would take minutes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Returns the lines of a unified diff, without the header that contains file names. Without `all`, only the
/// first `SHOWN` lines are returned, followed by the number of the other lines.
pub fn diff(before: &str, after: &str, all: bool) -> Vec<String> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        lines.push(paint(DIM, hunk.header()));
        for change in hunk.iter_changes() {
            let text = many_lines(change.value().trim_end_matches('\n'));
            let line = match change.tag() {
                ChangeTag::Delete => paint(RED, format_args!("-{text}")),
                ChangeTag::Insert => paint(GREEN, format_args!("+{text}")),
                ChangeTag::Equal => format!(" {text}"),
            };
            lines.push(line);
            if change.missing_newline() {
                lines.push(paint(DIM, "\\ no newline at the end"));
            }
        }
    }
    let hidden = lines.len().saturating_sub(SHOWN);
    if hidden > 0 && !all {
        lines.truncate(SHOWN);
        lines.push(paint(DIM, format_args!("… {hidden} more lines, shown with -v")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn plain(before: &str, after: &str, all: bool) -> String {
        anstream::adapter::strip_str(&diff(before, after, all).join("\n")).to_string()
    }

    #[test]
    fn a_change_is_shown_with_its_surroundings() {
        let before = "a\nb\nc\nd\ne\nport = 8080\nf\n";
        expect_test::expect![[r"
            @@ -3,5 +3,5 @@
             c
             d
             e
            -port = 8080
            +port = 8081
             f"]]
        .assert_eq(&plain(before, &before.replace("8080", "8081"), false));
    }

    #[test]
    fn a_lost_line_end_and_control_characters_are_visible() {
        expect_test::expect![[r"
            @@ -1 +1 @@
            -a
            +a␛[31m
            \ no newline at the end"]]
        .assert_eq(&plain("a\n", "a\u{1b}[31m", false));
    }

    #[test]
    fn long_texts_without_a_line_in_common_hold_nobody_up() {
        let numbered =
            |from: u32| (from..from + 40_000).map(|line| line.to_string() + "\n").collect::<String>();
        let began = Instant::now();
        assert!(!diff(&numbered(100_000), &numbered(200_000), false).is_empty());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn a_long_diff_is_cut_unless_all_is_asked_for() {
        let long = "x\n".repeat(100);
        assert!(plain("", &long, false).ends_with("… 41 more lines, shown with -v"));
        assert_eq!(plain("", &long, true).lines().count(), 101);
    }
}
