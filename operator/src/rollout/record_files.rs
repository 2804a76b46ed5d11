//! Where the records of rollouts are kept, and beside each the roots of its closures.

use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};

use super::Record;
use crate::event::RolloutId;
use crate::state::StateDir;

/// The directory of the records.
const FOLDER: &str = "rollouts";
/// How many records are kept at least.
const LIMIT: usize = 200;

/// The directory, made if it is missing.
///
/// # Errors
/// It cannot be made.
pub fn folder(state: &StateDir) -> Result<PathBuf, Problem> {
    state.folder(FOLDER)
}

/// The record of a rollout.
pub fn path_of(folder: &Path, rollout: &RolloutId) -> PathBuf {
    folder.join(format!("{rollout}.jsonl"))
}

/// The directory with the roots that keep its closures.
pub fn roots_of(folder: &Path, rollout: &RolloutId) -> PathBuf {
    folder.join(format!("{rollout}.roots"))
}

/// All rollouts, those of a later second first.
///
/// # Errors
/// The directory cannot be read.
pub fn names(folder: &Path) -> std::io::Result<Vec<RolloutId>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok()));
    }
    names.sort_by(|one: &RolloutId, other| other.cmp(one));
    Ok(names)
}

/// Old records are of no more use; that they stay is no harm.
pub fn forget_old(folder: &Path) {
    for old in names(folder).unwrap_or_default().iter().skip(LIMIT) {
        let _ = std::fs::remove_file(path_of(folder, old));
        let _ = std::fs::remove_dir_all(roots_of(folder, old));
    }
}

/// That there is no such record.
pub fn missing(state: &StateDir, rollout: &RolloutId, error: &std::io::Error) -> Problem {
    let problem = Problem::new(Code::NoRollout, "nothing is known of this rollout").at(rollout);
    if error.kind() != std::io::ErrorKind::NotFound {
        return problem.because(error);
    }
    let known = Record::all(state).unwrap_or_default();
    let known: Vec<String> = known.iter().take(5).map(ToString::to_string).collect();
    problem
        .because(if known.is_empty() {
            "this machine remembers none".to_owned()
        } else {
            format!("the last ones that this machine remembers are {}", known.join(", "))
        })
        .help("it is known where it was begun; see the name that apply printed there")
}
