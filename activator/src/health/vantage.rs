//! The machine that checks run on.

use std::collections::BTreeMap;

/// The settings of the machine that checks run on.
#[derive(Clone, Debug, Default)]
pub struct Vantage {
    /// The directories that are searched for programs, in the format of `PATH`.
    pub path: String,
    /// Names that the machine does not resolve itself, mapped to the name or address to use instead.
    pub names: BTreeMap<String, String>,
}

impl Vantage {
    /// Creates the settings of a machine that resolves all names itself.
    #[must_use]
    pub fn of(path: &str) -> Self {
        Self { path: path.to_owned(), names: BTreeMap::new() }
    }

    /// Returns the replacement for a name, or the name itself if there is no replacement.
    #[must_use]
    pub fn meant<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }
}
