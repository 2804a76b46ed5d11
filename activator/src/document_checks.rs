//! Properties of every document that a parser accepts. Tests and fuzz targets check them.
//!
//! Each function panics if the property is violated, and returns whether the document was accepted.

// The checks panic when they fail, as in a test.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use nixfleet_contract::manifest::{Entry, Manifest};
use nixfleet_contract::values::{AbsPath, ManagedPath, Source};

use crate::build;
use crate::engine::state::State;
use crate::engine::transaction::journal::Journal;

/// Checks that a manifest contains only valid paths and sources inside the closure, and that the manifest
/// survives a round trip.
#[must_use]
pub fn manifest(bytes: &[u8]) -> bool {
    let Ok(manifest) = Manifest::parse(bytes) else { return false };
    for (path, entry) in &manifest.entries {
        check_path(path);
        if let Entry::File(file) = entry {
            let inside = !file.source.split('/').any(|name| name == "..");
            assert!(inside && file.source.parse::<Source>().is_ok(), "{}", file.source);
        }
    }
    let again = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(Manifest::parse(&again).unwrap(), manifest, "what is written is read as the same");
    true
}

/// Checks that a state contains only valid paths, and that the state survives a round trip.
#[must_use]
pub fn state(bytes: &[u8]) -> bool {
    let Ok(state) = State::parse(bytes) else { return false };
    for path in state.paths.keys() {
        check_path(path);
    }
    let again = serde_json::to_vec(&state).unwrap();
    assert_eq!(State::parse(&again).unwrap(), state, "what is written is read as the same");
    true
}

/// Checks that the backups and slots (staged or replaced files) in a journal are in NixFleet's own
/// directories, and that the journal survives a round trip.
#[must_use]
pub fn journal(bytes: &[u8]) -> bool {
    let Ok(journal) = Journal::parse(bytes) else { return false };
    for entry in journal.paths() {
        for place in entry.backup().into_iter().chain(entry.slot().map(|slot| &slot.place)) {
            assert!(place.parse::<AbsPath>().is_ok(), "{place}");
            assert!(place.starts_with("/var/lib/nixfleet/") || place.contains("/.nixfleet-tx-"), "{place}");
        }
    }
    let again = serde_json::to_vec(&journal).unwrap();
    assert_eq!(Journal::parse(&again).unwrap(), journal, "what is written is read as the same");
    true
}

/// Checks that an intent that the builder accepts results in a valid manifest.
#[must_use]
pub fn intent(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice(bytes) else { return false };
    let Ok(intent) = build::parse::intent(value) else { return false };
    let Ok(closure) = build::compile::compile(&intent) else { return false };
    assert!(manifest(&serde_json::to_vec(&closure.manifest).unwrap()), "what is built is accepted");
    true
}

fn check_path(path: &str) {
    let tricky = path.parse::<ManagedPath>().is_err()
        || path.split('/').any(|name| name == "..")
        || path.chars().any(char::is_control);
    assert!(!tricky, "{path}");
}
