//! What is known of a rollout from its events.

use std::collections::BTreeMap;

use nixfleet_activate::plan::Generation;

use crate::event::{End, Event, Happening, HostEnd};

/// What has become of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How each host ended last, and where it stood before the rollout came to it.
    pub hosts: BTreeMap<String, HostEnd>,
    /// How it ended; nothing where the command was killed.
    pub end: Option<End>,
}

impl Told {
    /// Takes an event in.
    pub fn hear(&mut self, event: Event) {
        match event.happening {
            Happening::RolloutBegan { .. } => self.end = None,
            Happening::RolloutEnded { end, .. } => self.end = Some(end),
            Happening::HostEnded(end) => {
                self.hosts.insert(end.host.clone(), end);
            }
            _ => {}
        }
    }

    /// Whether there is something to go on with.
    pub const fn can_go_on(&self) -> bool {
        match self.end {
            Some(end) => !end.is_final(),
            None => true,
        }
    }

    /// The hosts that are as the rollout wants them.
    pub fn done(&self) -> BTreeMap<String, HostEnd> {
        let done = self.hosts.iter().filter(|(_, end)| end.outcome.is_good());
        done.map(|(host, end)| (host.clone(), end.clone())).collect()
    }

    /// The hosts that it has changed, with the generation before, if there was one, and the one that it made.
    pub fn changed(&self) -> BTreeMap<String, (Option<Generation>, Generation)> {
        let changed = self.hosts.iter().filter(|(_, end)| end.outcome.has_changed());
        changed
            .filter_map(|(host, end)| Some((host.clone(), (end.before.clone(), end.after.clone()?))))
            .collect()
    }
}
