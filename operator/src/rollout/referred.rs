//! The generations that unfinished rollouts still refer to.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::gc::Passage;
use nixfleet_contract::problem::Problem;

use super::Record;
use crate::state::StateDir;

/// Returns, by host name, the generation changes of rollouts that can still be resumed or rolled back. An
/// unreadable record is an error, so that the generations it may refer to are not dropped. If a command was
/// killed before it recorded the outcome of a host, the host itself remembers the change as its last one.
///
/// # Errors
/// Fails if a record cannot be read.
pub fn open_passages(state: &StateDir) -> Result<BTreeMap<String, BTreeSet<Passage>>, Problem> {
    let mut passages: BTreeMap<String, BTreeSet<Passage>> = BTreeMap::new();
    for rollout in Record::all(state)? {
        let (_, told) = Record::look(state, &rollout)?;
        if !told.can_go_on() {
            continue;
        }
        for (host, (before, after)) in told.changed() {
            let passage = before.map(|before| Passage { before: before.number, after: after.number });
            passages.entry(host).or_default().extend(passage);
        }
    }
    Ok(passages)
}
