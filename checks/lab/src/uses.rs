//! Finds the modules of its own crate that a Rust file names.

use std::collections::BTreeSet;

/// Returns the top-level modules that the text of `module` names by a path that starts with `crate`, `super`
/// or `name`, the name of the crate. Comments are ignored.
#[must_use]
pub fn roots(text: &str, module: &[String], name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (part, depth) in parts(text) {
        for start in [format!("{name}::"), "crate::".to_owned()] {
            for (at, _) in part.match_indices(&start).filter(|(at, _)| is_start(&part, *at)) {
                found.extend(first_names(&part[at + start.len()..]).into_iter().map(str::to_owned));
            }
        }
        for (at, _) in part.match_indices("super::").filter(|(at, _)| is_start(&part, *at)) {
            let rest = part[at..].trim_start_matches("super::");
            let supers = (part.len() - at - rest.len()) / "super::".len();
            // Each `super` leaves one module. The part itself is `depth` modules below `module`.
            match (module.len() + depth).saturating_sub(supers) {
                0 => found.extend(first_names(rest).into_iter().map(str::to_owned)),
                _ => found.extend(module.first().cloned()),
            }
        }
    }
    found
}

/// Splits a text into the code outside inline modules and the code in each of them, without comments. The
/// number is 1 for the code in an inline module. Only inline modules that are in no other one are known.
fn parts(text: &str) -> Vec<(String, usize)> {
    let mut parts = vec![(String::new(), 0)];
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let is_module = (line.starts_with("mod ") || line.starts_with("pub mod ")) && line.ends_with('{');
        let depth = parts.last().map_or(0, |(_, depth)| *depth);
        if is_module {
            parts.push((String::new(), 1));
        } else if depth > 0 && line == "}" {
            parts.push((String::new(), 0));
        }
        if let Some((part, _)) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

/// Whether a path starts at this place, and not in the middle of a word or of a longer path.
fn is_start(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    !before.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':')
}

/// Returns the first name of each path in the text after `crate::`: one name, or those of a group in braces.
fn first_names(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut names, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(word(group[begin..at].trim_start()));
                begin = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> &str {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_found_however_it_is_written() {
        let text = "\
//! See [`crate::comment`].
use crate::{alone, group::{self, inner}, last};
use super::{beside, super::other::{x, y}};
use our_name::library::Type;
use their_crate::foreign;

fn work() { super::super::above::work(); deep::crate_::no(); }

mod tests {
    use super::*;
    use super::super::super::highest;
}
";
        let module = ["folder".to_owned(), "file".to_owned()];
        let found = roots(text, &module, "our_name");
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            ["above", "alone", "folder", "group", "highest", "last", "library"],
            "a `super` within the folder is the folder itself"
        );
        let top = roots("use super::sibling;\n", &module[..1], "our_name");
        assert_eq!(top.into_iter().collect::<Vec<_>>(), ["sibling"]);
    }
}
