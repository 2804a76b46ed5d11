//! An error of Nix, taken apart.

use super::place::{FlakeSource, SourceLocation};

/// The column at which Nix puts the text of an error below its `error:` line.
const INDENT: &str = "       ";

/// An error as Nix wrote it.
pub struct NixError<'a> {
    /// The message of the innermost error.
    pub message: String,
    /// What led to it, from the outermost to the innermost.
    steps: Vec<TraceStep<'a>>,
}

/// A step on the way to an error.
enum TraceStep<'a> {
    /// What was being done.
    Doing(&'a str),
    /// Where.
    At(SourceLocation<'a>),
}

impl<'a> NixError<'a> {
    /// Takes standard error apart.
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

    /// Every place that is named, from the outermost to the innermost.
    pub fn places(&self) -> impl DoubleEndedIterator<Item = &SourceLocation<'a>> {
        self.steps.iter().filter_map(|step| match step {
            TraceStep::At(place) => Some(place),
            TraceStep::Doing(_) => None,
        })
    }

    /// What was being done, from the innermost to the outermost. These sentences come from
    /// `lib/types/context.nix`, from nixpkgs and from Nix itself.
    fn doing(&self) -> impl Iterator<Item = &'a str> {
        self.steps.iter().rev().filter_map(|step| match step {
            TraceStep::Doing(doing) => Some(*doing),
            TraceStep::At(_) => None,
        })
    }

    /// The store path of the tree in which the fleet stands.
    pub fn root(&self) -> Option<&'a str> {
        let root = self.doing().find_map(|doing| quoted(doing, "while evaluating the fleet in "))?;
        root.starts_with('/').then_some(root)
    }

    /// The host that was evaluated.
    pub fn host(&self) -> Option<&'a str> {
        self.doing().find_map(|doing| quoted(doing, "while evaluating the host "))
    }

    /// The input that was fetched.
    pub fn input(&self) -> Option<&'a str> {
        self.doing().find_map(|doing| quoted(doing, "while updating the flake input "))
    }

    /// The argument of a module that was looked for, and the module's file.
    pub fn argument(&self) -> Option<(&'a str, &'a str)> {
        let doing = self.doing().next()?;
        let argument = quoted(doing, "while evaluating the module argument ")?;
        Some((argument, doing.split('"').nth(1)?))
    }

    /// The option that was evaluated: the last that was begun, and the entries and fields of it that follow
    /// at once. What follows a place belongs to something that was used there.
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

/// What stands in quotes after these words.
fn quoted<'a>(doing: &'a str, words: &str) -> Option<&'a str> {
    let rest = doing.strip_prefix(words)?;
    let rest = rest.strip_prefix('`').or_else(|| rest.strip_prefix('\''))?;
    // A path of an option may have such a quote in it.
    let end = if words.ends_with("argument ") { rest.find('\'') } else { rest.rfind('\'') };
    Some(&rest[..end?])
}

/// A name as it is written in the path of an option.
fn name(entry: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'');
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    if entry.starts_with(begins) && entry.chars().all(plain) {
        entry.to_owned()
    } else {
        format!("\"{}\"", entry.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// The message of the innermost error, without the trace around it.
fn message(stderr: &str) -> String {
    let mut lines = stderr.lines().skip_while(|line| !line.starts_with("error:"));
    let Some(first) = lines.next() else { return stderr.trim().to_owned() };
    let mut text = vec![first.trim_start_matches("error:").trim_start()];
    if text[0].is_empty() {
        let inner = lines.by_ref().find_map(|line| line.strip_prefix(INDENT)?.strip_prefix("error: "));
        text = vec![inner.unwrap_or("Nix gives no message")];
    }
    let mut place_follows = false;
    for line in lines {
        let Some(line) = line.strip_prefix(INDENT).or_else(|| line.is_empty().then_some("")) else { break };
        place_follows |= line.strip_prefix("at ").is_some_and(|place| SourceLocation::parse(place).is_some());
        if !place_follows || line.starts_with("Did you mean") {
            text.push(line);
        }
    }
    text.join("\n").trim_end().to_owned()
}

/// `12|   text`, or `|   ^` below it.
fn is_code(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('|')
}
