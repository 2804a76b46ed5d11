//! The parts of a flake reference.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// `place?parameter&parameter`, without a fragment.
#[derive(Clone, Debug)]
pub struct Reference {
    /// A path or a URL.
    pub place: String,
    parameters: Vec<String>,
}

/// What a reference names.
pub enum ReferenceKind {
    /// A path.
    Path,
    /// The path of a `path:` URL: Nix copies all that is there.
    PathUrl(PathBuf),
    /// The path of a `git+file:` URL, the root of a checkout.
    GitUrl(PathBuf),
    /// Anything else, which is left to Nix.
    Remote,
}

impl Reference {
    /// Takes a reference apart.
    pub fn parse(text: &str) -> Self {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        Self { place: place.to_owned(), parameters: parameters.map(str::to_owned).collect() }
    }

    /// What it names, where relative paths begin at `from`.
    pub fn kind(&self, from: &Path) -> ReferenceKind {
        if let Some(path) = self.place.strip_prefix("path:").and_then(path_of_url) {
            ReferenceKind::PathUrl(path)
        } else if let Some(path) = self.place.strip_prefix("git+file:").and_then(path_of_url) {
            ReferenceKind::GitUrl(path)
        } else if self.place.is_empty() || self.place.starts_with(['.', '/', '~']) || self.is_in(from) {
            ReferenceKind::Path
        } else {
            ReferenceKind::Remote
        }
    }

    /// Nix would look up such a name in its registry.
    fn is_in(&self, from: &Path) -> bool {
        let path = from.join(&self.place);
        !self.place.contains(':') && (path.is_dir() || (path.ends_with("flake.nix") && path.exists()))
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let value = self.parameters.iter().find_map(|each| each.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    /// The same without a parameter.
    pub fn without(&self, name: &str) -> Self {
        let others = self.parameters.iter().filter(|each| each.split('=').next() != Some(name));
        Self { place: self.place.clone(), parameters: others.cloned().collect() }
    }

    /// The same with a parameter, unless its value is empty.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.without(name);
        if !value.is_empty() {
            with.parameters.push(format!("{name}={}", encode(value)));
        }
        with
    }

    /// The same of another place.
    pub fn at(&self, place: String) -> Self {
        Self { place, parameters: self.parameters.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.parameters.is_empty() { "" } else { "?" };
        write!(f, "{}{mark}{}", self.place, self.parameters.join("&"))
    }
}

/// A path in a URL.
pub fn encoded(path: &Path) -> Cow<'_, str> {
    match path.to_string_lossy() {
        Cow::Borrowed(text) => encode(text),
        Cow::Owned(text) => encode(&text).into_owned().into(),
    }
}

fn encode(text: &str) -> Cow<'_, str> {
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, ESCAPED).into()
}

/// The path of a URL behind its scheme; nothing where it names a machine.
fn path_of_url(rest: &str) -> Option<PathBuf> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return None,
        None => rest,
    };
    Some(percent_decode_str(path).decode_utf8_lossy().into_owned().into())
}
