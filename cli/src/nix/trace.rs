//! What a person needs of an evaluation error of Nix: the message, and the line of their own that led to it.

use std::path::Path;

use nixfleet_activate::problem::{Code, Problem};

use crate::flake::Flake;

/// How `mkFleet` begins when it tells all mistakes of a fleet at once, each with its place and its correction.
const MISTAKES: &str = "[NF-201] ";

/// Makes a problem of what Nix wrote on standard error.
pub fn distil(stderr: &str, flake: &Flake) -> Problem {
    let message = message(stderr).replace(&flake.reference, &flake.shown());
    if message.contains("does not provide attribute") {
        return Problem::new(Code::NoFleet, "the flake has no `nixfleet` output")
            .at(flake.shown())
            .because(message)
            .help("let its outputs come from nixfleet.lib.mkFleet { … }");
    }
    if let Some(mistakes) = message.strip_prefix(MISTAKES) {
        let (what, list) = mistakes.split_once('\n').unwrap_or((mistakes, ""));
        return Problem::new(Code::Evaluation, what).at(flake.shown()).because(list.trim_start_matches('\n'));
    }
    if let Some(path) = untracked(&message, flake) {
        return Problem::new(Code::Evaluation, "Nix does not see a file of the flake")
            .at(&path)
            .because(format!("{message}\nin a Git checkout Nix sees only the files that Git knows"))
            .help(format!("git add :/{path}"));
    }
    let tree = flake.tree();
    let place = places(stderr).into_iter().rev().find_map(|place| place.in_tree(tree?));
    let problem = Problem::new(Code::Evaluation, "Nix could not evaluate the fleet")
        .help("see the whole trace of Nix with -v");
    match place {
        Some((location, excerpt)) => problem.at(location).because(format!("{message}\n\n{excerpt}")),
        None => problem.at(flake.shown()).because(message),
    }
}

/// The column at which Nix puts the text of an error below its `error:` line.
const INDENT: &str = "       ";

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
        place_follows |= line.starts_with("at /") || line.starts_with("at «");
        if !place_follows || line.starts_with("Did you mean") {
            text.push(line);
        }
    }
    text.join("\n").trim_end().to_owned()
}

/// A place in Nix code that a trace names, with the lines it shows.
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: &'a str,
    excerpt: Vec<&'a str>,
}

/// Every place of a trace, from the outermost to the innermost.
fn places(stderr: &str) -> Vec<Place<'_>> {
    let mut places: Vec<Place> = Vec::new();
    let mut open = false;
    for line in stderr.lines() {
        let text = line.trim_start();
        if let Some(place) = text.strip_prefix("at ").and_then(place) {
            places.push(place);
            open = true;
        } else if open && is_code(text) {
            if let Some(place) = places.last_mut() {
                place.excerpt.push(text);
            }
        } else {
            open = false;
        }
    }
    places
}

fn place(text: &str) -> Option<Place<'_>> {
    let mut parts = text.strip_suffix(':')?.rsplitn(3, ':');
    let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Place { file, line: line.parse().ok()?, column, excerpt: Vec::new() })
}

/// `12|   text`, or `|   ^` below it.
fn is_code(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('|')
}

impl Place<'_> {
    /// The place as the user knows it, with its excerpt, where it is in a file of this tree. The store path of a
    /// flake does not say whose it is, so the line itself is compared.
    fn in_tree(&self, tree: &Path) -> Option<(String, String)> {
        let relative = match in_store(self.file) {
            Some(relative) => relative,
            None => Path::new(self.file).strip_prefix(tree).ok()?.to_str()?,
        };
        let shown = self.excerpt.iter().find_map(|line| line.strip_prefix(&format!("{}|", self.line)))?;
        let content = std::fs::read_to_string(tree.join(relative)).ok()?;
        let present = content.lines().nth(self.line - 1).unwrap_or_default();
        let same = present.trim() == shown.trim();
        same.then(|| (format!("{relative}:{}:{}", self.line, self.column), self.excerpt_text()))
    }

    /// The line and its marker, aligned again.
    fn excerpt_text(&self) -> String {
        let width = self.line.to_string().len();
        let wanted = |line: &&&str| line.starts_with('|') || line.starts_with(&format!("{}|", self.line));
        let aligned = |line: &&str| {
            let (number, code) = line.split_once('|').unwrap_or(("", line));
            format!("{number:>width$} |{code}")
        };
        self.excerpt.iter().filter(wanted).map(aligned).collect::<Vec<_>>().join("\n")
    }
}

/// The rest of a path behind the store path of a source tree.
fn in_store(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('«').trim_end_matches('»');
    let rest = path.strip_prefix("/nix/store/")?;
    let (name, relative) = rest.split_once('/')?;
    name.ends_with("-source").then_some(relative)
}

/// The file that is missing in the store, but stands in the checkout.
fn untracked(message: &str, flake: &Flake) -> Option<String> {
    if !message.contains("does not exist") && !message.contains("No such file") {
        return None;
    }
    let relative = message.split('\'').find_map(in_store)?;
    flake.tree()?.join(relative).exists().then(|| relative.to_owned())
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
