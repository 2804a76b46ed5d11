//! The generations that unfinished rollouts still refer to.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::gc::Passage;
use nixfleet_contract::problem::Problem;

use super::Record;
use crate::state::StateDir;

/// Returns the changes that unfinished rollouts made, by host name. An unreadable record is an error, so that
/// the generations to which the record may refer are not dropped. A change is missing in the result if the
/// command was killed before it recorded the change, but the host itself remembers this change as its last
/// change.
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
