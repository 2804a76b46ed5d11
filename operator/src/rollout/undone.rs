//! Records that the hosts of a rollout were rolled back by another rollout, so that these hosts do not count
//! as done.

use std::collections::BTreeSet;
use std::mem::take;

use nixfleet_contract::outcome::Outcome;

use super::Record;
use crate::event::RolloutId;
use crate::event::{End, Event, EventKind, HostEnd, Listener};

/// A listener that updates the record of a rollout while another rollout, `by`, undoes that rollout.
pub struct Undone {
    record: Record,
    by: RolloutId,
    /// The hosts that have not been rolled back yet.
    left: BTreeSet<String>,
}

impl Undone {
    /// Creates the listener. `hosts` are all hosts that the rollout to undo has changed.
    #[must_use]
    pub const fn new(record: Record, by: RolloutId, hosts: BTreeSet<String>) -> Self {
        Self { record, by, left: hosts }
    }
}

impl Listener for Undone {
    fn name(&self) -> &'static str {
        "the record of the rollout that is taken back"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        if event.rollout.as_ref() != Some(&self.by) {
            return Ok(());
        }
        match &event.kind {
            EventKind::HostEnded(end) if end.outcome.is_good() && self.left.remove(&end.host) => {
                let end = HostEnd { outcome: Outcome::RolledBack, ..end.clone() };
                self.record.write(EventKind::HostEnded(end))
            }
            EventKind::RolloutEnded { duration_ms, .. } if take(&mut self.left).is_empty() => {
                let (end, duration_ms) = (End::RolledBack, *duration_ms);
                self.record.write(EventKind::RolloutEnded { end, duration_ms })
            }
            _ => Ok(()),
        }
    }
}
