//! Names of hosts, generations, rollouts and commands that earlier commands recorded on this machine.

use std::collections::BTreeSet;
use std::path::Path;

use super::Candidate;
use nixfleet_operator::flake::Flake;
use nixfleet_operator::history::{EntryFilter, Store};
use nixfleet_operator::inventory::InventoryNames;
use nixfleet_operator::rollout::Record;
use nixfleet_operator::state::StateDir;

/// Maximum number of generations, rollouts or commands that are offered as completions of one word.
const OFFERED: usize = 20;

/// Names that are known without evaluating the flake or connecting to a host.
pub trait Known {
    /// Returns the names of the hosts, tags and roles in the inventory.
    fn names(&self) -> InventoryNames;
    /// Returns generations of hosts, newest first.
    fn generations(&self) -> Vec<Candidate>;
    /// Returns rollouts, newest first.
    fn rollouts(&self) -> Vec<Candidate>;
    /// Returns commands of the history, newest first.
    fn commands(&self) -> Vec<Candidate>;
}

/// The names that are recorded in the state directory of this machine.
pub struct OnDisk {
    state: Option<StateDir>,
    flake: Option<Flake>,
    host: Option<String>,
}

impl OnDisk {
    /// Creates a source of names for the flake and the host that a command line names.
    pub fn of(words: &[String], here: &Path) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let file = value_of("--file", words).or_else(|| variable("NIXFLEET_FILE"));
        let flake = value_of("--flake", words).or_else(|| variable("NIXFLEET_FLAKE"));
        Self {
            state: StateDir::find().ok(),
            flake: match file {
                Some(file) => Flake::file(Path::new(&file), here).ok(),
                None => Flake::find(flake.as_deref(), here).ok(),
            },
            host: value_of("--host", words),
        }
    }

    fn history(&self, host: Option<&str>) -> Vec<nixfleet_operator::history::CommandEntry> {
        let filter = EntryFilter { host: host.map(str::to_owned), limit: 5 * OFFERED };
        let store = self.state.as_ref().and_then(|state| Store::look(state).ok().flatten());
        store.and_then(|store| store.list(&filter).ok()).unwrap_or_default()
    }
}

/// Returns the last value of a flag on a command line.
fn value_of(flag: &str, words: &[String]) -> Option<String> {
    let given = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].clone());
    let joined =
        words.iter().filter_map(|word| word.strip_prefix(flag)?.strip_prefix('=').map(str::to_owned));
    given.chain(joined).next_back().filter(|value| !value.is_empty())
}

impl Known for OnDisk {
    fn names(&self) -> InventoryNames {
        let (Some(state), Some(flake)) = (&self.state, &self.flake) else { return InventoryNames::default() };
        InventoryNames::recorded(state, flake)
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

    #[test]
    fn the_line_says_which_flake_and_which_host() {
        let words = ["--flake", "/a", "--host=web-1", "--flake", "/b"].map(String::from);
        assert_eq!(value_of("--flake", &words).as_deref(), Some("/b"));
        assert_eq!(value_of("--host", &words).as_deref(), Some("web-1"));
        assert_eq!(value_of("--to", &words), None);
    }
}
