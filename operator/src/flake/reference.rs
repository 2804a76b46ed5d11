//! Flake references, split into their parts.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A flake reference of the form `place?parameter&parameter`, without a fragment.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The path or URL before the parameters.
    pub place: String,
    parameters: Vec<String>,
}

/// The kind of a flake reference, which depends on its path or URL.
pub enum ReferenceKind {
    /// A path that is not a URL.
    Path,
    /// The path of a `path:` URL. Nix copies everything below this path.
    PathUrl(PathBuf),
    /// The path of a `git+file:` URL, which is the root of a checkout.
    GitUrl(PathBuf),
    /// Any other reference, such as a URL of another machine. Only Nix interprets such a reference.
    Remote,
}

impl Reference {
    /// Splits a reference into its path or URL and its parameters.
    pub fn parse(text: &str) -> Self {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        Self { place: place.to_owned(), parameters: parameters.map(str::to_owned).collect() }
    }

    /// Returns the kind of this reference. A relative path is resolved against `from`.
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

    /// Whether the reference is a path of an existing directory or `flake.nix`, relative to `from`. Nix
    /// itself would look up such a name in the flake registry.
    fn is_in(&self, from: &Path) -> bool {
        let path = from.join(&self.place);
        !self.place.contains(':') && (path.is_dir() || (path.ends_with("flake.nix") && path.exists()))
    }

    /// Returns the decoded value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let value = self.parameters.iter().find_map(|each| each.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    /// Returns this reference without the parameter of this name.
    pub fn without(&self, name: &str) -> Self {
        let others = self.parameters.iter().filter(|each| each.split('=').next() != Some(name));
        Self { place: self.place.clone(), parameters: others.cloned().collect() }
    }

    /// Returns this reference with this value of a parameter, or without the parameter if the value is empty.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.without(name);
        if !value.is_empty() {
            with.parameters.push(format!("{name}={}", encode(value)));
        }
        with
    }

    /// Returns a reference with `place` as its path or URL, and with the parameters of this reference.
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

/// Percent-encodes a path for use in a URL.
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

/// Returns the path in a URL, given the part after the scheme. Returns `None` if the URL names a machine.
fn path_of_url(rest: &str) -> Option<PathBuf> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return None,
        None => rest,
    };
    Some(percent_decode_str(path).decode_utf8_lossy().into_owned().into())
}
