//! The answer of a host about apt.

use std::collections::{BTreeMap, BTreeSet};

/// An installed package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Installed {
    /// Whether the installer of the distribution installs it on every host.
    pub is_basic: bool,
}

/// The answer of a host, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The installed packages by name. A package of another architecture has it in its name.
    pub installed: BTreeMap<String, Installed>,
    /// The packages that are marked as manually installed.
    pub manual: BTreeSet<String>,
    /// The packages that are held.
    pub held: BTreeSet<String>,
    /// The files with their texts.
    pub files: Vec<(String, String)>,
    /// The files that the user may not read.
    pub unreadable: Vec<String>,
    /// The files that are too large to be read.
    pub large: Vec<String>,
    /// The keyrings that apt trusts for every source.
    pub trusted: Vec<String>,
}

impl Answer {
    /// Parses the lines of the script. Unknown lines are ignored.
    pub(super) fn parse(text: &str) -> Self {
        let mut answer = Self::default();
        let mut native = "";
        for line in text.lines() {
            if let Some(line) = line.strip_prefix(' ') {
                if let Some((_, text)) = answer.files.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "architecture" => native = rest,
                "installed" => answer.add(rest, native),
                "manual" => _ = answer.manual.insert(rest.to_owned()),
                "held" => _ = answer.held.insert(rest.to_owned()),
                "file" => answer.files.push((rest.to_owned(), String::new())),
                "unreadable" => answer.unreadable.push(rest.to_owned()),
                "large" => answer.large.push(rest.to_owned()),
                "trusted" => answer.trusted.push(rest.to_owned()),
                _ => {}
            }
        }
        answer
    }

    fn add(&mut self, line: &str, native: &str) {
        let mut words = line.split(' ');
        let (Some(name), Some(architecture), Some(priority)) = (words.next(), words.next(), words.next())
        else {
            return;
        };
        let is_essential = words.next() == Some("yes");
        let is_basic = is_essential || ["required", "important", "standard"].contains(&priority);
        let is_foreign = architecture != native && architecture != "all";
        let name = if is_foreign { format!("{name}:{architecture}") } else { name.to_owned() };
        self.installed.insert(name, Installed { is_basic });
    }
}
