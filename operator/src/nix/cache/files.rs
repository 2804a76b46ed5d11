//! The files of the cache, one for each key. The number of the files and their total size are limited. The
//! files that have not been used for the longest time are removed first.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::entry::Entry;
use super::key::EvalKey;
use crate::state::StateDir;

/// The name of the cache's directory in the state directory.
const FOLDER: &str = "evaluations";
/// The maximum number of files in the cache.
const FILES: usize = 64;
/// The maximum size of all files together, in bytes. An entry takes about 300 bytes for each host.
const BYTES: u64 = 64 << 20;

/// The cache in a state directory.
#[derive(Clone, Debug)]
pub struct CacheFiles(StateDir);

impl CacheFiles {
    /// Returns the cache in this state directory, which may not exist yet.
    #[must_use]
    pub const fn new(state: StateDir) -> Self {
        Self(state)
    }

    /// Returns the entry for a key. An entry that cannot be read counts as missing.
    #[must_use]
    pub fn read(&self, key: &EvalKey) -> Option<Entry> {
        let file = File::open(self.0.path(FOLDER).join(key.file())).ok()?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes).ok()?;
        let entry = Entry::read(&bytes)?;
        // The modification time of the file records when the file was last used, so it is set to the current
        // time. A failure is ignored, because the time only decides which file is removed first.
        let _ = File::options()
            .append(true)
            .open(self.0.path(FOLDER).join(key.file()))
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(entry)
    }

    /// Writes the entry for a key, and removes the oldest files if the cache has become too large.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn write(&self, key: &EvalKey, entry: &Entry) -> anyhow::Result<()> {
        let folder = self.0.folder(FOLDER)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&mut file, entry)?;
        file.persist(folder.join(key.file()))?;
        Ok(limit(&folder, FILES, BYTES)?)
    }
}

/// Removes the oldest files of a folder, until at most `files` files with at most `bytes` bytes in total
/// remain.
fn limit(folder: &Path, files: usize, bytes: u64) -> io::Result<()> {
    let mut all: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Another command may have removed the file in the meantime.
        if let Ok(metadata) = entry.metadata() {
            all.push((metadata.modified()?, metadata.len(), entry.path()));
        }
    }
    all.sort_by(|a, b| b.cmp(a));
    let mut total = 0;
    for (place, (_, size, path)) in all.into_iter().enumerate() {
        total += size;
        if place >= files || total > bytes {
            fs::remove_file(path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_files_go_if_there_are_too_many_or_they_are_too_large() {
        let folder = tempfile::tempdir().unwrap();
        for (age, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_len(10).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(60 * (age as u64 + 1))).unwrap();
        }
        limit(folder.path(), 4, 40).unwrap();
        assert_eq!(names(folder.path()), ["a", "b", "c", "d"]);
        limit(folder.path(), 3, 40).unwrap();
        assert_eq!(names(folder.path()), ["a", "b", "c"]);
        limit(folder.path(), 3, 29).unwrap();
        assert_eq!(names(folder.path()), ["a", "b"]);
        limit(folder.path(), 3, 9).unwrap();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_used_entry_stays_and_a_broken_one_counts_as_missing() {
        let state = tempfile::tempdir().unwrap();
        let files = CacheFiles::new(StateDir::at(state.path()));
        let metadata = include_bytes!("../../../tests/nix/2.34/metadata.json");
        let key = EvalKey::of(metadata, "2.34", "x86_64-linux", &[]).unwrap();
        assert!(files.read(&key).is_none());
        files.write(&key, &Entry::default()).unwrap();
        let path = state.path().join(FOLDER).join(key.file());
        let old = SystemTime::now() - Duration::from_secs(3600);
        File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        assert!(files.read(&key).is_some());
        assert!(fs::metadata(&path).unwrap().modified().unwrap() > old + Duration::from_secs(1800));
        fs::write(&path, "{").unwrap();
        assert!(files.read(&key).is_none());
    }
}
