//! Nix code with comments, formatted as nixfmt would format it.

use std::collections::BTreeSet;

/// The maximum width of a line that contains a comment. A longer comment is continued on the next line.
pub(super) const WIDTH: usize = 100;

/// The keywords of Nix. An attribute name that is a keyword is written in quotes.
const KEYWORDS: [&str; 10] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];

/// A Nix file that is being written.
pub(super) struct Page {
    /// The name of the tool whose data is imported.
    pub(super) tool: &'static str,
    /// The text.
    pub(super) text: String,
}

impl Page {
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Writes a section, and an empty line between the previous section and this section. An empty section is
    /// left out.
    pub(super) fn section(&mut self, write: impl FnOnce(&mut Self)) {
        let mut section = Self { tool: self.tool, text: String::new() };
        write(&mut section);
        if !section.text.is_empty() {
            if !self.text.ends_with("{\n") {
                self.text.push('\n');
            }
            self.text.push_str(&section.text);
        }
    }

    /// Writes a comment, wrapped to as many lines as it needs.
    pub(super) fn comment(&mut self, indent: &str, text: &str) {
        let mut line = format!("{indent}#");
        let begin = line.len();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if line.len() > begin && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line.truncate(begin);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// Writes a comment about a value that was left out or changed. The comment begins with the name of the
    /// other tool.
    pub(super) fn told(&mut self, indent: &str, text: &str) {
        let text = format!("{}: {text}", self.tool);
        self.comment(indent, &text);
    }

    /// Writes a list of strings. As nixfmt does, writes each item on a line of its own if the list has
    /// several items.
    pub(super) fn list(&mut self, indent: &str, name: &str, items: &BTreeSet<String>) {
        match items.iter().collect::<Vec<_>>().as_slice() {
            [] => {}
            [item] => self.line(&format!("{indent}{name} = [ {} ];", string(item))),
            items => {
                self.line(&format!("{indent}{name} = ["));
                for item in items {
                    self.line(&format!("{indent}  {}", string(item)));
                }
                self.line(&format!("{indent}];"));
            }
        }
    }
}

/// Returns the Nix string literal that has this content.
pub(super) fn string(content: &str) -> String {
    let escaped = content.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    format!("\"{escaped}\"")
}

/// Returns the name of an attribute as Nix code. The name is in quotes if Nix does not accept it without
/// quotes.
pub(super) fn attribute(name: &str) -> String {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');

    if is_name && !KEYWORDS.contains(&name) { name.to_owned() } else { string(name) }
}
