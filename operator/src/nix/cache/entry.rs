//! An entry of the cache: the results of the evaluations of one flake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The schema of the entries of this version. Entries with another schema are ignored.
pub const SCHEMA: u32 = 1;

/// The results of the evaluations of one flake.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    schema: u32,
    /// The evaluation of the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The evaluations of hosts.
    #[serde(default)]
    pub hosts: Vec<Derivations>,
    /// The closures that were built, by derivation.
    #[serde(default)]
    pub closures: BTreeMap<String, String>,
}

/// The inventory, as Nix printed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inventory {
    /// The document `nixfleet.fleet`.
    pub document: Box<RawValue>,
    /// The warnings and traces of the evaluation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The derivations that one evaluation gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivations {
    /// The derivations of closures, by host.
    pub derivations: BTreeMap<String, String>,
    /// The warnings and traces of the evaluation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { schema: SCHEMA, inventory: None, hosts: Vec::new(), closures: BTreeMap::new() }
    }
}

impl Entry {
    /// Reads an entry. Returns `None` if this version cannot read it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|entry: &Self| entry.schema == SCHEMA)
    }

    /// Returns the derivation of a host, and the evaluation that gave it.
    #[must_use]
    pub fn derivation(&self, host: &str) -> Option<(&str, &Derivations)> {
        self.hosts.iter().find_map(|each| Some((each.derivations.get(host)?.as_str(), each)))
    }

    /// Returns the store paths to which the entry refers.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        let derivations = self.hosts.iter().flat_map(|each| each.derivations.values());
        derivations.chain(self.closures.values()).map(String::as_str).collect()
    }

    /// Removes everything that refers to one of these store paths.
    pub fn forget(&mut self, paths: &[String]) {
        for each in &mut self.hosts {
            each.derivations.retain(|_, derivation| !paths.contains(derivation));
        }
        self.hosts.retain(|each| !each.derivations.is_empty());
        self.closures.retain(|derivation, closure| !paths.contains(derivation) && !paths.contains(closure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let path = |name: &str| format!("/nix/store/{name}");
        let derivations = |hosts: &[&str]| Derivations {
            derivations: hosts
                .iter()
                .map(|host| ((*host).to_owned(), path(&format!("{host}.drv"))))
                .collect(),
            warnings: Vec::new(),
        };
        let closures = [(path("a.drv"), path("a")), (path("b.drv"), path("b"))].into();
        Entry { hosts: vec![derivations(&["a", "b"]), derivations(&["c"])], closures, ..Entry::default() }
    }

    #[test]
    fn an_entry_of_another_schema_is_ignored() {
        let text = serde_json::to_string(&entry()).unwrap();
        assert_eq!(Entry::read(text.as_bytes()).unwrap().hosts, entry().hosts);
        assert!(Entry::read(text.replace("\"schema\":1", "\"schema\":2").as_bytes()).is_none());
        for broken in ["", "{}", "[]", &text[..text.len() - 1]] {
            assert!(Entry::read(broken.as_bytes()).is_none(), "{broken}");
        }
    }

    #[test]
    fn what_is_no_longer_in_the_store_is_forgotten() {
        let mut entry = entry();
        assert_eq!(entry.paths().len(), 5);
        entry.forget(&[
            "/nix/store/a.drv".to_owned(),
            "/nix/store/b".to_owned(),
            "/nix/store/c.drv".to_owned(),
        ]);
        assert_eq!(entry.derivation("a"), None);
        assert_eq!(entry.derivation("b").map(|(path, _)| path), Some("/nix/store/b.drv"));
        assert_eq!(entry.hosts.len(), 1);
        assert!(entry.closures.is_empty());
    }
}
