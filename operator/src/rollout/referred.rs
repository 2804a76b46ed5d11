//! What rollouts made of hosts that have not ended.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::gc::Passage;
use nixfleet_contract::problem::Problem;

use super::Record;
use crate::state::StateDir;

/// From where to where rollouts that can go on, or go back, took each host. A record that cannot be read is
/// no reason to drop what it may refer to. A host of which a killed command did not write down how it ended
/// remembers that itself, as its last change.
///
/// # Errors
/// The records cannot be read.
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
