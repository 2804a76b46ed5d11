//! An entry of the cache: the results of the evaluations of one flake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The schema of the entries that this version of NixFleet writes. Entries with another schema are ignored.
pub const SCHEMA: u32 = 1;

/// The results of the evaluations of one flake.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    schema: u32,
    /// The result of the evaluation of the inventory, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The results of the evaluations of hosts. One evaluation may have several hosts.
    #[serde(default)]
    pub hosts: Vec<Derivations>,
    /// The paths of the closures that were built, by the path of their derivation.
    #[serde(default)]
    pub closures: BTreeMap<String, String>,
}

/// The inventory, as Nix printed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inventory {
    /// The JSON that Nix printed for the flake attribute `nixfleet.fleet`.
    pub document: Box<RawValue>,
    /// The warnings and traces that the evaluation printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The result of one evaluation of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivations {
    /// The paths of the derivations of closures, by host.
    pub derivations: BTreeMap<String, String>,
    /// The warnings and traces that the evaluation printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { schema: SCHEMA, inventory: None, hosts: Vec::new(), closures: BTreeMap::new() }
    }
}

impl Entry {
    /// Parses an entry. Returns `None` if this version of NixFleet cannot read it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|entry: &Self| entry.schema == SCHEMA)
    }

    /// Returns the derivation of a host, and the result of the evaluation in which the derivation was found.
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

    /// Removes all derivations and closures that refer to one of these store paths.
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
