//! From where checks are tried.

use std::collections::BTreeMap;

/// What a machine knows that checks are tried from.
#[derive(Clone, Debug, Default)]
pub struct Vantage {
    /// Where programs are looked for, as in `PATH`.
    pub path: String,
    /// Names that the machine knows by something else than its resolver: what stands for them.
    pub names: BTreeMap<String, String>,
}

impl Vantage {
    /// The machine as its resolver knows the world.
    #[must_use]
    pub fn of(path: &str) -> Self {
        Self { path: path.to_owned(), names: BTreeMap::new() }
    }

    /// What stands for a name; the name itself where nothing does.
    #[must_use]
    pub fn meant<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }
}
