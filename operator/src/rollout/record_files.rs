//! The files of rollout records, and the garbage collection roots of each rollout.

use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};

use super::Record;
use crate::event::RolloutId;
use crate::state::StateDir;

/// The directory of the records, below the state directory.
const FOLDER: &str = "rollouts";
/// The number of records to keep. Older records are deleted.
const LIMIT: usize = 200;

/// Returns the directory of the records, after creating it if it is missing.
///
/// # Errors
/// Fails if the directory cannot be created.
pub fn folder(state: &StateDir) -> Result<PathBuf, Problem> {
    state.folder(FOLDER)
}

/// Returns the path of the record of a rollout.
pub fn path_of(folder: &Path, rollout: &RolloutId) -> PathBuf {
    folder.join(format!("{rollout}.jsonl"))
}

/// Returns the directory for the garbage collection roots of a rollout.
pub fn roots_of(folder: &Path, rollout: &RolloutId) -> PathBuf {
    folder.join(format!("{rollout}.roots"))
}

/// Returns all recorded rollouts, sorted by the second in which they started, newest first.
///
/// # Errors
/// Fails if the directory cannot be read.
pub fn names(folder: &Path) -> std::io::Result<Vec<RolloutId>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok()));
    }
    names.sort_by(|one: &RolloutId, other| other.cmp(one));
    Ok(names)
}

/// Deletes old records. Errors are ignored, since a leftover record does no harm.
pub fn forget_old(folder: &Path) {
    for old in names(folder).unwrap_or_default().iter().skip(LIMIT) {
        let _ = std::fs::remove_file(path_of(folder, old));
        let _ = std::fs::remove_dir_all(roots_of(folder, old));
    }
}

/// Returns the problem for a record of a rollout that cannot be opened.
pub fn missing(state: &StateDir, rollout: &RolloutId, error: &std::io::Error) -> Problem {
    let problem = Problem::new(Code::NoRollout, "this machine has no record of this rollout").at(rollout);
    if error.kind() != std::io::ErrorKind::NotFound {
        return problem.because(error);
    }
    let known = Record::all(state).unwrap_or_default();
    let known: Vec<String> = known.iter().take(5).map(ToString::to_string).collect();
    problem
        .because(if known.is_empty() {
            "this machine has no record of any rollout".to_owned()
        } else {
            format!("the last rollouts on this machine are {}", known.join(", "))
        })
        .help(
            "run the command on the machine that started the rollout, with the name that `nixfleet \
             apply` printed there",
        )
}
