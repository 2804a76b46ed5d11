//! The hosts that this machine is rebooting, so that limits hold across all its commands.
//!
//! Each such host has a file below the state directory. While its command runs, the file is locked. If the
//! command is killed, the host may still be down, so the file counts until the time limit of the boot is
//! over.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nixfleet_contract::fleet::Host;
use nixfleet_contract::os::policy::RebootLimit;
use nixfleet_contract::problem::Problem;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::state::{StateDir, file_of, unusable};

/// The directory below the state directory, with one directory for each flake.
const FOLDER: &str = "reboots";
/// The file that is locked while slots are counted and taken.
const LOCK: &str = "lock";

/// The slots of a fleet.
#[derive(Clone, Debug)]
pub struct RebootSlots {
    folder: PathBuf,
}

/// The slot of a host that is being rebooted. Dropping it frees the slot.
#[derive(Debug)]
pub struct RebootSlot {
    path: PathBuf,
    _file: File,
}

/// Whether a host may be rebooted now.
#[derive(Debug)]
pub enum Turn {
    /// The host has a slot.
    Now(RebootSlot),
    /// A limit does not allow one more host.
    Later {
        /// The hosts that are being rebooted and count for this limit.
        others: Vec<String>,
    },
}

/// A host that is being rebooted.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rebooting {
    host: String,
    tags: BTreeSet<String>,
    /// The time at which the host should be up again, in seconds since 1970-01-01 UTC.
    until: u64,
}

impl RebootSlots {
    /// Returns the slots of a fleet, which is identified by its flake.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn of(state: &StateDir, flake: &str) -> Result<Self, Problem> {
        let name = format!("{FOLDER}/{}", file_of(flake).trim_end_matches(".json"));
        Ok(Self { folder: state.folder(&name)? })
    }

    /// Takes a slot for a host if all its limits allow it. `limit`: how long the host may take to boot.
    ///
    /// # Errors
    /// The files cannot be read or written.
    pub fn take(&self, host: &Host, limits: &[RebootLimit], limit: Duration) -> Result<Turn, Problem> {
        self.try_take(host, limits, limit).map_err(|error| unusable(&self.folder, &error))
    }

    fn try_take(&self, host: &Host, limits: &[RebootLimit], limit: Duration) -> io::Result<Turn> {
        let lock = File::create(self.folder.join(LOCK))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let now = now();
        let others = self.others(now)?;
        let counted = |tag: &Option<String>| -> Vec<String> {
            let has = |other: &&Rebooting| tag.as_ref().is_none_or(|tag| other.tags.contains(tag));
            others.iter().filter(has).map(|other| other.host.clone()).collect()
        };
        let full = limits.iter().map(|limit| (counted(&limit.tag), limit.max.get()));
        let full = full.filter(|(hosts, max)| hosts.len() >= *max).map(|(hosts, _)| hosts);
        if let Some(hosts) = full.max_by_key(Vec::len) {
            return Ok(Turn::Later { others: hosts });
        }
        let path = self.folder.join(format!("{}.json", host.name));
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive)?;
        let tags = host.tags.iter().cloned().collect();
        let entry = Rebooting { host: host.name.clone(), tags, until: now + limit.as_secs() };
        file.write_all(&serde_json::to_vec(&entry)?)?;
        let file = file.persist(&path).map_err(|error| error.error)?;
        Ok(Turn::Now(RebootSlot { path, _file: file }))
    }

    /// Returns the hosts that are being rebooted, and removes the files of others.
    fn others(&self, now: u64) -> io::Result<Vec<Rebooting>> {
        let mut others = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path)? {
                Some((entry, is_held)) if is_held || now < entry.until => others.push(entry),
                Some(_) => std::fs::remove_file(&path)?,
                None => {}
            }
        }
        Ok(others)
    }
}

/// Reads the file of a host, and whether its command runs; `None` if the file is gone. A file that cannot be
/// parsed was cut short by a full disk, and counts for no host.
fn read(path: &Path) -> io::Result<Option<(Rebooting, bool)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let is_held = flock(&file, FlockOperation::NonBlockingLockShared).is_err();
    let entry = serde_json::from_slice(&bytes);
    Ok(entry.ok().map(|entry| (entry, is_held)))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Drop for RebootSlot {
    fn drop(&mut self) {
        // If the removal fails, the file counts until the time limit of the boot is over.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limit(tag: Option<&str>, max: usize) -> RebootLimit {
        RebootLimit { tag: tag.map(str::to_owned), max: max.try_into().unwrap() }
    }

    fn now_or_later(turn: Turn) -> Result<RebootSlot, Vec<String>> {
        match turn {
            Turn::Now(slot) => Ok(slot),
            Turn::Later { others } => Err(others),
        }
    }

    fn host(name: &str, tags: &[&str]) -> Host {
        Host { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..sample::host(name) }
    }

    #[test]
    fn a_slot_is_taken_only_if_every_limit_allows_it() {
        let folder = tempfile::tempdir().unwrap();
        let slots = || RebootSlots::of(&StateDir::at(folder.path()), "/fleet").unwrap();
        let take = |name: &str, tags: &[&str], limits: &[RebootLimit]| {
            now_or_later(slots().take(&host(name, tags), limits, MINUTE).unwrap())
        };
        let limits = [limit(None, 3), limit(Some("db"), 1)];
        let first = take("db-1", &["db"], &limits).unwrap();
        // Other commands see the same hosts.
        assert_eq!(take("db-2", &["db"], &limits).unwrap_err(), ["db-1"]);
        let second = take("web-1", &["web"], &[limit(None, 3)]).unwrap();
        let third = take("web-2", &["web"], &[limit(None, 3)]).unwrap();
        assert_eq!(take("web-3", &["web"], &[limit(None, 3)]).unwrap_err().len(), 3);
        drop(first);
        let fourth = take("db-2", &["db"], &limits).unwrap();
        drop((second, third, fourth));
        assert_eq!(std::fs::read_dir(&slots().folder).unwrap().count(), 1, "only the lock is left");
        let other = RebootSlots::of(&StateDir::at(folder.path()), "/other").unwrap();
        assert_ne!(other.folder, slots().folder);
    }

    #[test]
    fn a_host_whose_command_was_killed_counts_until_it_should_be_up() {
        let folder = tempfile::tempdir().unwrap();
        let slots = RebootSlots::of(&StateDir::at(folder.path()), "/fleet").unwrap();
        let left = |until: u64| {
            let entry = Rebooting { host: "a".to_owned(), tags: BTreeSet::new(), until };
            std::fs::write(slots.folder.join("a.json"), serde_json::to_vec(&entry).unwrap()).unwrap();
            let turn = slots.take(&host("b", &[]), &[limit(None, 1)], MINUTE).unwrap();
            now_or_later(turn).map(drop)
        };
        assert_eq!(left(now() + 60), Err(vec!["a".to_owned()]));
        assert_eq!(left(now()), Ok(()));
        std::fs::write(slots.folder.join("torn.json"), "{").unwrap();
        assert_eq!(left(0), Ok(()));
    }
}
