//! A cache of evaluations: a flake that has not changed is not evaluated again. The results of evaluations are
//! stored in the state directory of this machine, under a key of everything on which they depend.
//!
//! Nix has a cache of its own, but `nix eval --apply` does not use it, and it stores no warnings.

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

/// The results of evaluations of one flake: results from the cache, and results of this command.
#[derive(Debug, Default)]
pub struct EvalCache(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The place of the results in the cache. `None` if the results are not stored.
    place: Option<(CacheFiles, EvalKey)>,
    entry: Entry,
    /// The results of the cache that have not been compared with the store yet.
    unchecked: bool,
    /// Whether there are results that the cache does not have.
    changed: bool,
    /// The warnings that this command has shown.
    shown: BTreeSet<String>,
}

impl EvalCache {
    /// Reads the results for a key, and stores new results under it.
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

    /// Returns the inventory, if it is known.
    pub fn inventory(&self) -> Option<Inventory> {
        self.known().entry.inventory.clone()
    }

    /// Adds an inventory that was evaluated.
    pub fn add_inventory(&self, inventory: Inventory) {
        let mut known = self.known();
        known.entry.inventory = Some(inventory);
        known.changed = true;
    }

    /// Adds derivations that were evaluated.
    pub fn add_hosts(&self, derivations: Derivations) {
        if !derivations.derivations.is_empty() {
            let mut known = self.known();
            known.entry.hosts.push(derivations);
            known.changed = true;
        }
    }

    /// Adds closures that were built, by derivation.
    pub fn add_closures(&self, closures: impl IntoIterator<Item = (String, String)>) {
        let mut known = self.known();
        for (derivation, closure) in closures {
            known.changed |= known.entry.closures.insert(derivation, closure.clone()) != Some(closure);
        }
    }

    /// Returns the store paths of the cache that have not been compared with the store yet.
    pub fn unchecked(&self) -> Vec<String> {
        let known = self.known();
        if !known.unchecked {
            return Vec::new();
        }
        known.entry.paths().into_iter().map(str::to_owned).collect()
    }

    /// Records that the cache was compared with the store, which does not have the paths `missing`.
    pub fn checked(&self, missing: &[String]) {
        let mut known = self.known();
        known.unchecked = false;
        known.entry.forget(missing);
        known.changed |= !missing.is_empty();
    }

    /// Returns the known derivations of these hosts, and the warnings of the evaluations that gave them.
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

    /// Returns the closure that was built from a derivation, if it is known.
    pub fn closure(&self, derivation: &str) -> Option<String> {
        self.known().entry.closures.get(derivation).cloned()
    }

    /// Whether a warning was not shown before. Each warning is shown once, although several evaluations may
    /// print it.
    pub fn is_new(&self, warning: &str) -> bool {
        self.known().shown.insert(warning.to_owned())
    }

    /// Returns the key, if there are results to store.
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
