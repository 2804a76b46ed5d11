//! Names that earlier commands have left on this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nixfleet_contract::fleet::Fleet;
use serde::{Deserialize, Serialize};

use super::Candidate;
use nixfleet_operator::flake::Flake;
use nixfleet_operator::history::{EntryFilter, Store};
use nixfleet_operator::inventory::Natural;
use nixfleet_operator::rollout::Record;
use nixfleet_operator::state::{StateDir, file_of};

/// The directory of the inventories, one file for each flake.
const FOLDER: &str = "inventories";
/// How many flakes are recorded.
const FLAKES: usize = 32;
/// How many generations, rollouts and commands are offered.
const OFFERED: usize = 20;

/// What is known without asking anybody.
pub trait Known {
    /// The names of the inventory.
    fn names(&self) -> Names;
    /// Generations of hosts, the newest first.
    fn generations(&self) -> Vec<Candidate>;
    /// Rollouts, the last one first.
    fn rollouts(&self) -> Vec<Candidate>;
    /// Commands of the history, the last one first.
    fn commands(&self) -> Vec<Candidate>;
}

/// The names of an inventory, as it was when it was last evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    pub hosts: Vec<String>,
    pub tags: Vec<String>,
    pub roles: Vec<String>,
}

impl Names {
    fn of(fleet: &Fleet) -> Self {
        let all = |of: fn(&nixfleet_contract::fleet::Host) -> &Vec<String>| -> Vec<String> {
            let words: BTreeSet<&String> = fleet.hosts.values().flat_map(of).collect();
            words.into_iter().cloned().collect()
        };
        let mut hosts: Vec<String> = fleet.hosts.keys().cloned().collect();
        hosts.sort_by_cached_key(|host| Natural::of(host));
        Self { hosts, tags: all(|host| &host.tags), roles: all(|host| &host.roles) }
    }
}

/// Leaves the names of a fleet for later. That they cannot be kept is no reason for anything.
pub fn record_names(state: &StateDir, flake: &Flake, fleet: &Fleet) {
    let write = || -> anyhow::Result<()> {
        let folder = state.folder(FOLDER)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&mut file, &Names::of(fleet))?;
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

/// What the state directory of this machine has.
pub struct OnDisk {
    state: Option<StateDir>,
    flake: Option<Flake>,
    host: Option<String>,
}

impl OnDisk {
    /// For the flake and the host that a command line is about.
    pub fn of(words: &[String], here: &Path) -> Self {
        let variable = std::env::var("NIXFLEET_FLAKE").ok().filter(|flake| !flake.is_empty());
        let flake = value_of("--flake", words).or(variable);
        Self {
            state: StateDir::find().ok(),
            flake: Flake::find(flake.as_deref(), here).ok(),
            host: value_of("--host", words),
        }
    }

    fn history(&self, host: Option<&str>) -> Vec<nixfleet_operator::history::CommandEntry> {
        let filter = EntryFilter { host: host.map(str::to_owned), limit: 5 * OFFERED };
        let store = self.state.as_ref().and_then(|state| Store::look(state).ok().flatten());
        store.and_then(|store| store.list(&filter).ok()).unwrap_or_default()
    }
}

/// The last value that a line gives a flag.
fn value_of(flag: &str, words: &[String]) -> Option<String> {
    let given = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].clone());
    let joined =
        words.iter().filter_map(|word| word.strip_prefix(flag)?.strip_prefix('=').map(str::to_owned));
    given.chain(joined).next_back().filter(|value| !value.is_empty())
}

impl Known for OnDisk {
    fn names(&self) -> Names {
        let (Some(state), Some(flake)) = (&self.state, &self.flake) else { return Names::default() };
        let file = std::fs::read(state.path(FOLDER).join(file_of(&flake.reference)));
        file.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn generations(&self) -> Vec<Candidate> {
        let mut known: BTreeSet<u64> = BTreeSet::new();
        for host in self.history(self.host.as_deref()).into_iter().flat_map(|entry| entry.hosts) {
            known.extend([host.before, host.after].into_iter().flatten().map(|generation| generation.number));
        }
        known.into_iter().rev().take(OFFERED).map(|number| Candidate::plain(number.to_string())).collect()
    }

    fn rollouts(&self) -> Vec<Candidate> {
        let Some(state) = &self.state else { return Vec::new() };
        let all = Record::all(state).unwrap_or_default().into_iter().take(OFFERED);
        let end = |id: &_| {
            Record::look(state, id)
                .ok()
                .and_then(|(_, told)| told.end)
                .map(nixfleet_operator::event::End::as_str)
        };
        all.map(|id| Candidate::new(id.to_string(), end(&id).unwrap_or_default())).collect()
    }

    fn commands(&self) -> Vec<Candidate> {
        let last = self.history(None).into_iter().take(OFFERED);
        last.map(|entry| {
            let line = std::iter::once(entry.command).chain(entry.arguments).collect::<Vec<_>>().join(" ");
            Candidate::new(entry.id.to_string(), line)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fleet(hosts: &[(&str, &[&str])]) -> Fleet {
        let host = |(name, tags): &(&str, &[&str])| {
            let host = json!({
                "name": name, "base": "ubuntu", "system": "x86_64-linux", "addr": name, "tags": tags,
                "ssh": { "user": "deploy", "port": 22, "hostKey": null },
            });
            ((*name).to_owned(), host)
        };
        let hosts: serde_json::Map<_, _> = hosts.iter().map(host).collect();
        serde_json::from_value(json!({ "schema": 1, "hosts": hosts })).unwrap()
    }

    #[test]
    fn names_are_kept_by_flake_and_no_more_than_a_few() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let flake = |name: &str| Flake { reference: format!("/fleets/{name}"), tree: None };
        let fleet = fleet(&[("web-10", &["prod", "web"]), ("web-2", &["prod"])]);
        for number in 0..40 {
            record_names(&state, &flake(&number.to_string()), &fleet);
        }
        assert_eq!(std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), FLAKES);
        record_names(&state, &flake("a"), &fleet);
        let on_disk = |name| OnDisk { state: Some(state.clone()), flake: Some(flake(name)), host: None };
        let names = on_disk("a").names();
        assert_eq!(
            (names.hosts, names.tags),
            (vec!["web-2".into(), "web-10".into()], vec!["prod".into(), "web".into()])
        );
        assert_eq!(on_disk("b").names(), Names::default(), "of another flake nothing is known");
        assert!(on_disk("a").rollouts().is_empty() && on_disk("a").generations().is_empty());
    }

    #[test]
    fn the_line_says_which_flake_and_which_host() {
        let words = ["--flake", "/a", "--host=web-1", "--flake", "/b"].map(String::from);
        assert_eq!(value_of("--flake", &words).as_deref(), Some("/b"));
        assert_eq!(value_of("--host", &words).as_deref(), Some("web-1"));
        assert_eq!(value_of("--to", &words), None);
    }
}
