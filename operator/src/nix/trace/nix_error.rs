//! Parses the error messages of Nix.

use super::place::{FlakeSource, SourceLocation};

/// The indentation of the text of an error below its `error:` line.
const INDENT: &str = "       ";

/// An error of Nix, split into its message and its trace.
pub struct NixError<'a> {
    /// The message of the innermost error.
    pub message: String,
    /// The trace that led to the error, from the outermost step to the innermost.
    steps: Vec<TraceStep<'a>>,
}

/// A step in the trace of an error.
enum TraceStep<'a> {
    /// A description of what Nix was doing.
    Doing(&'a str),
    /// A place in the source code.
    At(SourceLocation<'a>),
}

impl<'a> NixError<'a> {
    /// Parses the standard error of Nix.
    pub fn parse(stderr: &'a str) -> Self {
        let mut steps: Vec<TraceStep> = Vec::new();
        let mut open = false;
        for line in stderr.lines().skip_while(|line| !line.starts_with("error:")) {
            let text = line.trim_start();
            if let Some(doing) = line.strip_prefix(INDENT).and_then(|line| line.strip_prefix("… ")) {
                steps.push(TraceStep::Doing(doing));
                open = false;
            } else if let Some(place) = text.strip_prefix("at ").and_then(SourceLocation::parse) {
                steps.push(TraceStep::At(place));
                open = true;
            } else if let Some(TraceStep::At(place)) = steps.last_mut()
                && open
                && is_code(text)
            {
                place.excerpt.push(text);
            } else {
                open = false;
            }
        }
        Self { message: message(stderr), steps }
    }

    /// Returns all places in the trace, from the outermost to the innermost.
    pub fn places(&self) -> impl DoubleEndedIterator<Item = &SourceLocation<'a>> {
        self.steps.iter().filter_map(|step| match step {
            TraceStep::At(place) => Some(place),
            TraceStep::Doing(_) => None,
        })
    }

    /// Returns the descriptions of what Nix was doing, from the innermost to the outermost. The descriptions
    /// come from `lib/types/context.nix`, from nixpkgs and from Nix itself.
    fn doing(&self) -> impl Iterator<Item = &'a str> {
        self.steps.iter().rev().filter_map(|step| match step {
            TraceStep::Doing(doing) => Some(*doing),
            TraceStep::At(_) => None,
        })
    }

    /// Returns the store path of the source tree that contains the fleet.
    pub fn root(&self) -> Option<&'a str> {
        let root = self.doing().find_map(|doing| quoted(doing, "while evaluating the fleet in "))?;
        root.starts_with('/').then_some(root)
    }

    /// Returns the file of data, such as TOML, that Nix was reading.
    pub fn data_file(&self) -> Option<&'a str> {
        self.doing().find_map(|doing| quoted(doing, "while reading the inventory "))
    }

    /// Returns the host that Nix was evaluating.
    pub fn host(&self) -> Option<&'a str> {
        self.doing().find_map(|doing| quoted(doing, "while evaluating the host "))
    }

    /// Returns the flake input that Nix was fetching.
    pub fn input(&self) -> Option<&'a str> {
        self.doing().find_map(|doing| quoted(doing, "while updating the flake input "))
    }

    /// Returns the module argument that Nix was looking for, and the file of the module.
    pub fn argument(&self) -> Option<(&'a str, &'a str)> {
        let doing = self.doing().next()?;
        let argument = quoted(doing, "while evaluating the module argument ")?;
        Some((argument, doing.split('"').nth(1)?))
    }

    /// Returns the path of the option that Nix was evaluating: the last option in the trace, followed by the
    /// names of the entries that come directly after this option in the trace. Entries after a place in the
    /// user's files are left out, because they belong to another value that is used at that place.
    pub fn option(&self, source: &FlakeSource) -> Option<String> {
        let mut option: Option<String> = None;
        let mut open = false;
        for step in &self.steps {
            match step {
                TraceStep::Doing(doing) => {
                    if let Some(path) = quoted(doing, "while evaluating the option ") {
                        option = Some(path.to_owned());
                        open = true;
                    } else if let Some(entry) = quoted(doing, "while evaluating its entry ")
                        && let Some(option) = option.as_mut().filter(|_| open)
                    {
                        option.push('.');
                        option.push_str(&name(entry));
                    } else if quoted(doing, "while evaluating the host ").is_some() {
                        option = None;
                    }
                }
                TraceStep::At(place) => open &= source.find(place).is_none(),
            }
        }
        option
    }
}

/// Returns the text in quotes after these words.
fn quoted<'a>(doing: &'a str, words: &str) -> Option<&'a str> {
    let rest = doing.strip_prefix(words)?;
    let rest = rest.strip_prefix('`').or_else(|| rest.strip_prefix('\''))?;
    // The path of an option may contain single quotes, so only the last single quote ends the path.
    let end = if words.ends_with("argument ") { rest.find('\'') } else { rest.rfind('\'') };
    Some(&rest[..end?])
}

/// Formats a name as it is written in the path of an option.
fn name(entry: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'');
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    if entry.starts_with(begins) && entry.chars().all(plain) {
        entry.to_owned()
    } else {
        format!("\"{}\"", entry.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Returns the message of the innermost error, without the trace around it.
fn message(stderr: &str) -> String {
    let mut lines = stderr.lines().skip_while(|line| !line.starts_with("error:"));
    let Some(first) = lines.next() else { return stderr.trim().to_owned() };
    let mut text = vec![first.trim_start_matches("error:").trim_start()];
    if text[0].is_empty() {
        // The line is also empty if there is no trace, and the message begins with a line break.
        let mut rest = lines.clone();
        if let Some(inner) = rest.find_map(|line| line.strip_prefix(INDENT)?.strip_prefix("error:")) {
            text = vec![inner.trim_start()];
            lines = rest;
        }
    }
    let mut place_follows = false;
    for line in lines {
        let Some(line) = line.strip_prefix(INDENT).or_else(|| line.is_empty().then_some("")) else { break };
        if line.starts_with("… ") {
            break;
        }
        place_follows |= line.strip_prefix("at ").is_some_and(|place| SourceLocation::parse(place).is_some());
        if !place_follows || line.starts_with("Did you mean") {
            text.push(line);
        }
    }
    // The message of failed NixOS assertions begins with a line break.
    let message = text.join("\n");
    let message = message.trim_start_matches('\n').trim_end();
    if message.is_empty() { "Nix gives no message".to_owned() } else { message.to_owned() }
}

/// Whether a line is part of a code excerpt: `12|   text`, or the mark `|   ^` below it.
fn is_code(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('|')
}
