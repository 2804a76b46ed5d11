//! A locked file tells other commands that a command is still running. The lock is released when the process
//! of the command ends, even if the process is killed.

use std::fs::File;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::Problem;
use rustix::fs::{FlockOperation, flock};

use crate::event::RolloutId;
use crate::state::unusable;

/// The locked file that marks a command as running.
#[derive(Debug)]
pub struct Presence {
    path: PathBuf,
    _file: File,
}

impl Presence {
    /// Creates and locks the file that marks a command as running.
    ///
    /// # Errors
    /// Fails if the file cannot be created.
    pub fn begin(folder: &Path, id: &RolloutId) -> Result<Self, Problem> {
        let path = path_of(folder, id);
        let failed = |error: std::io::Error| unusable(&path, &error);
        // The file is locked under a temporary name, so that other commands never see it without a lock.
        let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(error.into()))?;
        let file = file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(Self { path, _file: file })
    }

    /// Whether the command with this id is running.
    pub fn is_seen(folder: &Path, id: &RolloutId) -> bool {
        is_held(&path_of(folder, id))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // If the removal fails, the file remains without a lock, and the next command removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the files that killed commands left behind.
pub fn clear(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Files with temporary names are left alone, because they are still being created.
        let is_name = entry.file_name().to_str().is_some_and(|name| name.parse::<RolloutId>().is_ok());
        if is_name && !is_held(&path) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn path_of(folder: &Path, id: &RolloutId) -> PathBuf {
    folder.join(id.to_string())
}

fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_seen_as_long_as_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (RolloutId::draw(), RolloutId::draw());
        let presence = Presence::begin(folder.path(), &one).unwrap();
        assert!(Presence::is_seen(folder.path(), &one) && !Presence::is_seen(folder.path(), &other));
        // A killed process leaves its file behind, without a lock.
        std::fs::write(path_of(folder.path(), &other), "").unwrap();
        assert!(!Presence::is_seen(folder.path(), &other));
        clear(folder.path());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(presence);
        assert!(!Presence::is_seen(folder.path(), &one));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
