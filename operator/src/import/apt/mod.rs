//! Imports from a host the packages that are marked as manual, the holds, the pins, and the package sources
//! that did not come with the distribution.

mod answer;
mod pin;
mod render;
mod source;
mod stanza;

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::values::{PackageName, PackagePattern};
use serde::Serialize;

use super::note::{Note, NoteKind};
use answer::Answer;

pub use pin::DraftPin;
pub use source::DraftSource;

/// The content of a module that declares the packages, holds, package sources and pins of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AptDraft {
    /// The host.
    pub host: String,
    /// The packages that are marked as manual, without the basic packages of a distribution.
    pub packages: BTreeSet<String>,
    /// The packages that are held.
    pub holds: BTreeSet<String>,
    /// The package sources that did not come with the distribution, by name.
    pub sources: BTreeMap<String, DraftSource>,
    /// The pins, by name.
    pub pins: BTreeMap<String, DraftPin>,
    /// The files that the sources and the pins replace.
    pub absent: BTreeSet<String>,
    /// Notes on everything that was not imported.
    pub notes: Vec<Note>,
}

impl AptDraft {
    /// Reads the answer of a host.
    #[must_use]
    pub fn of(host: &str, text: &str) -> Self {
        let answer = Answer::parse(text);
        let mut draft = Self { host: host.to_owned(), ..Self::default() };
        draft.add_packages(&answer);
        for path in &answer.unreadable {
            draft.note(NoteKind::Check, format!("{path}: the user may not read this file"));
        }
        for path in &answer.large {
            draft.note(NoteKind::Check, format!("{path}: the file has more than 100,000 bytes"));
        }
        for (path, text) in &answer.files {
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if !name.chars().all(is_plain) {
                draft.note(NoteKind::Needless, format!("{path}: apt ignores a file with this name"));
            } else if name.starts_with("nixfleet-") {
                draft.note(NoteKind::Needless, format!("{path}: a fleet declares this file already"));
            } else if path.starts_with("/etc/apt/sources.list") {
                draft.add_sources(path, text);
            } else if !name.contains('.') || name.strip_suffix(".pref").is_some() {
                draft.add_pins(path, text);
            }
        }
        for path in &answer.trusted {
            draft.note(
                NoteKind::Check,
                format!("{path}: apt trusts this keyring for each source without a keyring of its own"),
            );
        }
        draft
    }

    /// Imports a file of package sources, if each source in it can be declared.
    fn add_sources(&mut self, path: &str, text: &str) {
        let found = source::read(path, text);
        if !found.is_empty()
            && found.iter().all(|source| matches!(source, Ok(source) if source.is_of_distribution()))
        {
            return;
        }
        // The file is replaced as a whole, so the sources of the distribution in it are declared too.
        let found = found.into_iter().map(|source| source.and_then(DraftSource::declarable)).collect();
        self.add_file(path, found, |draft| &mut draft.sources);
    }

    /// Imports a file of pins, if each pin in it can be declared.
    fn add_pins(&mut self, path: &str, text: &str) {
        self.add_file(path, pin::read(text), |draft| &mut draft.pins);
    }

    /// Adds the objects of a file, or the reasons why the file stays on the host.
    fn add_file<T>(
        &mut self,
        path: &str,
        found: Vec<Result<T, String>>,
        place: impl Fn(&mut Self) -> &mut BTreeMap<String, T>,
    ) {
        if found.is_empty() {
            return;
        }
        let (found, reasons): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
        let reasons: Vec<String> = reasons.into_iter().filter_map(Result::err).collect();
        if !reasons.is_empty() {
            self.note(NoteKind::Check, format!("{path} stays as it is: {}", reasons.join("; ")));
            return;
        }
        for object in found.into_iter().flatten() {
            let name = free_name(path, place(self));
            place(self).insert(name, object);
        }
        self.absent.insert(path.to_owned());
    }

    fn add_packages(&mut self, answer: &Answer) {
        let mut basic = 0;
        for name in &answer.manual {
            let installed = answer.installed.get(name);
            if installed.is_some_and(|installed| installed.is_basic) {
                basic += 1;
            } else if installed.is_none() {
                self.note(NoteKind::Needless, format!("the package {name} is not installed"));
            } else if name.parse::<PackageName>().is_ok() {
                self.packages.insert(name.clone());
            } else {
                self.note(NoteKind::Check, format!("the package {name} has a name that is not valid"));
            }
        }
        if basic > 0 {
            let text =
                format!("packages of the priorities required, important and standard are left out: {basic}");
            self.note(NoteKind::Needless, text);
        }
        for name in &answer.held {
            if name.parse::<PackagePattern>().is_ok() {
                self.holds.insert(name.clone());
            } else {
                self.note(NoteKind::Check, format!("the hold of {name} has a name that is not valid"));
            }
        }
    }

    fn note(&mut self, kind: NoteKind, text: impl AsRef<str>) {
        self.notes.push(Note::new(kind, text));
    }
}

pub use render::render;

/// Returns a name for an object of a file that no other object has.
fn free_name<T>(path: &str, taken: &BTreeMap<String, T>) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = ["sources", "list", "pref"]
        .into_iter()
        .find_map(|end| file.strip_suffix(end)?.strip_suffix('.'))
        .unwrap_or(file);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = stem.chars().map(plain).collect();
    let name = name.trim_matches('-');
    let name = if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("apt-{name}")
    };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|name| !taken.contains_key(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests;
