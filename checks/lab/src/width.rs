//! Finds lines that are too wide. rustfmt and nixfmt wrap neither comments nor strings.

use std::fs;
use std::ops::Range;

use anyhow::{Context, Result};

use crate::checkout;

/// The pages that `cargo run -p nixfleet -- docs` and `checks/nix/run --rewrite` generate. Their width is not
/// checked, because each paragraph is one line.
const WRITTEN: [&str; 4] = ["cli.md", "errors.md", "events.md", "options.md"];

/// The width of a line is checked only if none of its string literals is longer than this number of
/// characters.
const SHORT: usize = 60;

/// Returns the maximum width of a line of Rust, in characters. The same width applies to Nix and Markdown.
///
/// # Errors
/// `rustfmt.toml` does not set a width.
pub fn limit() -> Result<usize> {
    let text = fs::read_to_string(checkout::path("rustfmt.toml"))?;
    let width = text.lines().find_map(|line| line.strip_prefix("max_width = "));
    width.context("rustfmt.toml has no max_width")?.parse().context("max_width is no number")
}

/// Returns every line of Rust, Nix and Markdown that is too wide, as `file:line`.
///
/// # Errors
/// The files of the repository cannot be listed or read.
pub fn too_wide() -> Result<Vec<String>> {
    let limit = limit()?;
    let mut found = Vec::new();
    for file in checkout::files()? {
        let path = checkout::path(&file);
        let lines: fn(&str, usize) -> Vec<usize> = match path
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some("rs") => rust,
            Some("nix") => nix,
            Some("md") if !WRITTEN.iter().any(|page| file == format!("docs/reference/{page}")) => markdown,
            _ => continue,
        };
        let text = fs::read_to_string(&path).with_context(|| format!("Failed to read {file}"))?;
        found.extend(lines(&text, limit).into_iter().map(|line| format!("{file}:{line}")));
    }
    Ok(found)
}

/// Returns the numbers of the Rust lines that are too wide. A line is not checked if it has a long string, or
/// a part of a string that has several lines.
fn rust(text: &str, limit: usize) -> Vec<usize> {
    let strings = strings(text);
    let is_long = |string: &Range<usize>| {
        let literal = &text[string.clone()];
        literal.contains('\n') || literal.chars().count() > SHORT
    };
    let mut found = Vec::new();
    let mut begin = 0;
    for (number, line) in (1..).zip(text.split('\n')) {
        let end = begin + line.len();
        let mut on_line = strings.iter().filter(|string| string.start < end && begin < string.end);
        if is_wide(line, limit) && !on_line.any(is_long) {
            found.push(number);
        }
        begin = end + 1;
    }
    found
}

/// Returns the byte ranges of the strings in a Rust file.
fn strings(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let end_of = |pattern: &str, from: usize| {
            rest.get(from..)?.find(pattern).map(|end| from + end + pattern.len())
        };
        let raw = rest.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
        let raw = raw.filter(|hashes| rest[1 + hashes..].starts_with('"'));
        let length = if rest.is_empty() {
            break;
        } else if rest.starts_with("//") {
            end_of("\n", 0).unwrap_or(rest.len())
        } else if let Some(hashes) = raw {
            let length = end_of(&format!("\"{}", "#".repeat(hashes)), hashes + 2).unwrap_or(rest.len());
            found.push(at..at + length);
            length
        } else if rest.starts_with('"') {
            let length = quoted(rest);
            found.push(at..at + length);
            length
        } else if rest.starts_with("'\\") {
            end_of("'", 3).unwrap_or(rest.len())
        } else if rest.starts_with("'\"'") {
            3
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += length;
    }
    found
}

/// Returns the length of the quoted string at the start of a text, including its quotes.
fn quoted(text: &str) -> usize {
    let mut is_escaped = true;
    for (at, letter) in text.char_indices() {
        if letter == '"' && !is_escaped {
            return at + 1;
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    text.len()
}

/// Returns the numbers of the Nix comment lines that are too wide. nixfmt wraps all other lines, except
/// strings.
fn nix(text: &str, limit: usize) -> Vec<usize> {
    wide(text, limit)
        .filter(|(_, line)| line.trim_start().starts_with('#'))
        .map(|(number, _)| number)
        .collect()
}

/// Returns the numbers of the prose lines of a page that are too wide. Tables and fenced blocks are not
/// checked.
fn markdown(text: &str, limit: usize) -> Vec<usize> {
    let fences: Vec<bool> = text
        .lines()
        .scan(false, |is_inside, line| {
            *is_inside ^= line.trim_start().starts_with("```");
            Some(*is_inside)
        })
        .collect();
    let is_prose = |number: usize, line: &str| !fences[number - 1] && !line.starts_with('|');
    wide(text, limit).filter(|(number, line)| is_prose(*number, line)).map(|(number, _)| number).collect()
}

/// Returns the lines that are too wide, with their numbers.
fn wide(text: &str, limit: usize) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(move |(_, line)| is_wide(line, limit))
}

/// Whether a line is too wide. A line with a URL is not checked, because it cannot always be wrapped.
fn is_wide(line: &str, limit: usize) -> bool {
    line.chars().count() > limit && !line.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_formatters_leave_it() {
        let found = too_wide().unwrap();
        assert!(found.is_empty(), "wider than {}: {found:#?}", limit().unwrap());
    }

    #[test]
    fn comments_and_code_count_and_long_strings_do_not() {
        let a = |count: usize| "a".repeat(count);
        let text = [
            format!("// {}", a(30)),
            format!("let a = \"{}\";", a(70)),
            format!("let a = r#\"\n{}\"#;", a(30)),
            format!("json!({{ \"a\": 1, \"b\": '\"', \"{}\": 2 }})", a(9)),
            format!("let a = \"\\\"\"; // {}", a(30)),
            format!("// https://{}", a(30)),
        ];
        assert_eq!(rust(&text.join("\n"), 20), [1, 5, 6]);
        assert_eq!(nix(&format!("# {0}\n\"{0}\"\n  # {0}\n# a\n", a(30)), 20), [1, 3]);
        let page = format!("{0}\n| {0} |\n```\n{0}\n```\n- {0}\n[a](https://{0})\na\n", a(30));
        assert_eq!(markdown(&page, 20), [1, 6]);
    }
}
