//! A cache of evaluations, so that a flake that has not changed is not evaluated again. The results of
//! evaluations are stored in the state directory of the operator's machine. The key of a result is a digest
//! of everything on which the result depends.
//!
//! Nix has an evaluation cache of its own, but `nix eval --apply` does not use it, and Nix does not store
//! warnings in it.

mod entry;
mod files;
mod key;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::debug;

pub use entry::{Derivations, Entry, Inventory};
pub use files::CacheFiles;
pub use key::EvalKey;

/// The results of evaluations of one flake: the results from the cache, and the results of the current
/// command.
#[derive(Debug, Default)]
pub struct EvalCache(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The cache files, and the key under which the results are stored in them. `None` if the results are not
    /// stored.
    place: Option<(CacheFiles, EvalKey)>,
    entry: Entry,
    /// Whether a result from the cache contains a store path that has not been checked against the Nix store
    /// yet.
    unchecked: bool,
    /// Whether the results differ from the results in the cache.
    changed: bool,
    /// The warnings that this command has shown.
    shown: BTreeSet<String>,
}

impl EvalCache {
    /// Reads the results for `key` from the cache. [`Self::store`] later stores the results under the same
    /// key.
    pub fn open(&self, files: CacheFiles, key: EvalKey) {
        let entry = files.read(&key);
        debug!(file = key.file(), found = entry.is_some(), "cache of evaluations");
        let unchecked = entry.is_some();
        *self.known() = Known {
            entry: entry.unwrap_or_default(),
            place: Some((files, key)),
            unchecked,
            ..Known::default()
        };
    }

    /// Returns the reference with which the flake must be evaluated, if the results are stored.
    pub fn reference(&self) -> Option<String> {
        self.known().place.as_ref().map(|(_, key)| key.reference().to_owned())
    }

    /// Returns the inventory, if this command or an earlier command has evaluated it.
    pub fn inventory(&self) -> Option<Inventory> {
        self.known().entry.inventory.clone()
    }

    /// Adds the evaluated inventory to the results.
    pub fn add_inventory(&self, inventory: Inventory) {
        let mut known = self.known();
        known.entry.inventory = Some(inventory);
        known.changed = true;
    }

    /// Adds the evaluated derivations of hosts to the results.
    pub fn add_hosts(&self, derivations: Derivations) {
        if !derivations.derivations.is_empty() {
            let mut known = self.known();
            known.entry.hosts.push(derivations);
            known.changed = true;
        }
    }

    /// Adds built closures to the results. Each item is the path of a derivation, and the path of the closure
    /// that was built from it.
    pub fn add_closures(&self, closures: impl IntoIterator<Item = (String, String)>) {
        let mut known = self.known();
        for (derivation, closure) in closures {
            known.changed |= known.entry.closures.insert(derivation, closure.clone()) != Some(closure);
        }
    }

    /// Returns the store paths that the results from the cache name. Returns no paths if they were already
    /// looked up in the Nix store.
    pub fn unchecked(&self) -> Vec<String> {
        let known = self.known();
        if !known.unchecked {
            return Vec::new();
        }
        known.entry.paths().into_iter().map(str::to_owned).collect()
    }

    /// Records that the store paths were looked up in the Nix store. Removes the results with the paths
    /// `missing`, which the store no longer has.
    pub fn checked(&self, missing: &[String]) {
        let mut known = self.known();
        known.unchecked = false;
        known.entry.forget(missing);
        known.changed |= !missing.is_empty();
    }

    /// Returns the known derivations of these hosts, and the warnings that the evaluation of these
    /// derivations printed. Warnings that this command has already shown are left out.
    pub fn derivations<'a>(
        &self,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let known = self.known();
        let (mut found, mut warnings) = (BTreeMap::new(), Vec::new());
        for host in hosts {
            if let Some((derivation, evaluation)) = known.entry.derivation(host) {
                found.insert(host.to_owned(), derivation.to_owned());
                warnings
                    .extend(evaluation.warnings.iter().filter(|line| !known.shown.contains(*line)).cloned());
            }
        }
        warnings.dedup();
        (found, warnings)
    }

    /// Returns the path of the closure that was built from a derivation, if the path is known.
    pub fn closure(&self, derivation: &str) -> Option<String> {
        self.known().entry.closures.get(derivation).cloned()
    }

    /// Records that a warning is shown. Returns whether this command shows the warning for the first time:
    /// each warning is shown once, although several evaluations may print it.
    pub fn is_new(&self, warning: &str) -> bool {
        self.known().shown.insert(warning.to_owned())
    }

    /// Returns the key under which results have to be stored, or `None` if there is nothing new to store.
    pub fn to_store(&self) -> Option<EvalKey> {
        let known = self.known();
        known.place.as_ref().filter(|_| known.changed).map(|(_, key)| key.clone())
    }

    /// Stores all results. A failure is ignored, because no command depends on the cache.
    pub fn store(&self) {
        let mut known = self.known();
        let Some((files, key)) = &known.place else { return };
        match files.write(key, &known.entry) {
            Ok(()) => known.changed = false,
            Err(error) => debug!("evaluations cannot be stored: {error:#}"),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state::StateDir;

    fn opened(state: &Path) -> EvalCache {
        let metadata = include_bytes!("../../../tests/nix/2.26/metadata.json");
        let key = EvalKey::of(metadata, "2.26", "x86_64-linux", &[]).unwrap();
        let cache = EvalCache::default();
        cache.open(CacheFiles::new(StateDir::at(state)), key);
        cache
    }

    fn evaluated(host: &str, warnings: &[&str]) -> Derivations {
        let derivations = [(host.to_owned(), format!("/nix/store/{host}.drv"))].into();
        Derivations { derivations, warnings: warnings.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_later_command_knows_what_an_earlier_one_evaluated_and_built() {
        let state = tempfile::tempdir().unwrap();
        let first = opened(state.path());
        assert_eq!(first.to_store(), None);
        first.add_hosts(evaluated("a", &["warning: old option"]));
        first.add_hosts(evaluated("b", &[]));
        first.add_closures([("/nix/store/a.drv".to_owned(), "/nix/store/a".to_owned())]);
        assert!(first.unchecked().is_empty());
        assert!(first.to_store().is_some());
        first.store();
        assert_eq!(first.to_store(), None);

        let second = opened(state.path());
        assert_eq!(second.unchecked().len(), 3);
        second.checked(&["/nix/store/b.drv".to_owned()]);
        assert!(second.unchecked().is_empty());
        let (found, warnings) = second.derivations(["a", "b", "c"]);
        assert_eq!(found, evaluated("a", &[]).derivations);
        assert_eq!(warnings, ["warning: old option"]);
        assert_eq!(second.closure("/nix/store/a.drv").as_deref(), Some("/nix/store/a"));
        assert!(second.is_new("warning: old option") && !second.is_new("warning: old option"));
        assert!(second.to_store().is_some(), "the path that is gone is removed from the file");
    }

    #[test]
    fn without_a_key_nothing_is_stored() {
        let cache = EvalCache::default();
        cache.add_hosts(evaluated("a", &[]));
        assert_eq!(cache.to_store(), None);
        assert!(cache.unchecked().is_empty());
        assert_eq!(cache.derivations(["a"]).0.len(), 1);
    }
}
