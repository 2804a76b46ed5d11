//! The names in an inventory, recorded on this machine for shell completion.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nixfleet_contract::fleet::{Fleet, Host};
use serde::{Deserialize, Serialize};

use super::Natural;
use crate::flake::Flake;
use crate::state::{StateDir, file_of};

/// The directory below the state directory that records the names in inventories, with one file for each
/// flake.
const FOLDER: &str = "inventories";
/// The maximum number of flakes whose names are recorded.
const FLAKES: usize = 32;

/// The names in an inventory at its last evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryNames {
    /// The names of all hosts.
    pub hosts: Vec<String>,
    /// The tags of all hosts.
    pub tags: Vec<String>,
    /// The roles of all hosts.
    pub roles: Vec<String>,
}

impl InventoryNames {
    fn of(fleet: &Fleet) -> Self {
        let all = |of: fn(&Host) -> &Vec<String>| -> Vec<String> {
            let words: BTreeSet<&String> = fleet.hosts.values().flat_map(of).collect();
            words.into_iter().cloned().collect()
        };
        let mut hosts: Vec<String> = fleet.hosts.keys().cloned().collect();
        hosts.sort_by_cached_key(|host| Natural::of(host));
        Self { hosts, tags: all(|host| &host.tags), roles: all(|host| &host.roles) }
    }

    /// Reads the names that were recorded for a flake. The result is empty if there is no readable record.
    #[must_use]
    pub fn recorded(state: &StateDir, flake: &Flake) -> Self {
        let file = std::fs::read(state.path(FOLDER).join(file_of(&flake.reference)));
        file.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }
}

/// Records the names of a fleet for shell completion. Errors are ignored, because no command depends on the
/// record.
pub fn record_names(state: &StateDir, flake: &Flake, fleet: &Fleet) {
    let write = || -> anyhow::Result<()> {
        let folder = state.folder(FOLDER)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&mut file, &InventoryNames::of(fleet))?;
        file.persist(folder.join(file_of(&flake.reference)))?;
        forget_old(&folder)
    };
    let _ = write();
}

fn forget_old(folder: &Path) -> anyhow::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let old = files.len().saturating_sub(FLAKES);
    files.iter().take(old).try_for_each(|(_, path)| std::fs::remove_file(path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn names_are_kept_by_flake_and_no_more_than_a_few() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let flake = |name: &str| Flake { reference: format!("/fleets/{name}"), tree: None, is_file: false };
        let host = |name: &str, tags: &[&str]| {
            let tags = tags.iter().map(ToString::to_string).collect();
            (name.to_owned(), Host { tags, ..sample::host(name) })
        };
        let mut fleet: Fleet = serde_json::from_str(r#"{ "schema": 1, "hosts": {} }"#).unwrap();
        fleet.hosts = [host("web-10", &["prod", "web"]), host("web-2", &["prod"])].into();
        for number in 0..40 {
            record_names(&state, &flake(&number.to_string()), &fleet);
        }
        assert_eq!(std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), FLAKES);
        record_names(&state, &flake("a"), &fleet);
        let names = InventoryNames::recorded(&state, &flake("a"));
        assert_eq!(
            (names.hosts, names.tags),
            (vec!["web-2".into(), "web-10".into()], vec!["prod".into(), "web".into()])
        );
        let unknown = InventoryNames::recorded(&state, &flake("b"));
        assert_eq!(unknown, InventoryNames::default(), "of another flake nothing is known");
    }
}
