//! The progress of a rollout, derived from its events.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::Code;

use crate::event::{End, Event, EventKind, HostEnd};

/// The progress of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolloutProgress {
    /// The last outcome of each host, with the generation of the host before the rollout.
    pub hosts: BTreeMap<String, HostEnd>,
    /// How the rollout ended, or `None` if the command was killed.
    pub end: Option<End>,
    /// The hosts on which work has ended since the rollout was last started or resumed.
    heard: BTreeSet<String>,
}

impl RolloutProgress {
    /// Updates the progress with an event.
    pub fn hear(&mut self, event: Event) {
        match event.kind {
            EventKind::RolloutBegan { .. } => {
                self.end = None;
                self.heard.clear();
            }
            EventKind::RolloutEnded { end, .. } => self.end = Some(end),
            EventKind::HostEnded(end) => self.ended(end),
            _ => {}
        }
    }

    /// Updates the outcome of a host. If the event reports no new generation, the generations that were
    /// recorded earlier are kept.
    fn ended(&mut self, mut end: HostEnd) {
        if let Some(old) = self.hosts.get_mut(&end.host)
            && (end.after.is_none() || end.after == old.after)
        {
            (end.before, end.after) = (old.before.take(), old.after.take());
        }
        self.heard.insert(end.host.clone());
        self.hosts.insert(end.host.clone(), end);
    }

    /// Whether the rollout can be resumed.
    #[must_use]
    pub const fn can_go_on(&self) -> bool {
        match self.end {
            Some(end) => !end.is_final(),
            None => true,
        }
    }

    /// Returns the hosts that have reached their target.
    #[must_use]
    pub fn done(&self) -> BTreeMap<String, HostEnd> {
        let done = self.hosts.iter().filter(|(_, end)| end.outcome.is_good());
        done.map(|(host, end)| (host.clone(), end.clone())).collect()
    }

    /// Whether it is unknown if the rollout has changed this host. This is the case if the command was
    /// killed, if the host stopped answering during its change, or if another run was changing the host. The
    /// other run may be part of the same rollout.
    #[must_use]
    pub fn is_unknown(&self, host: &str) -> bool {
        let untold = self.end.is_none() && !self.heard.contains(host);
        let is_lost = |end: &HostEnd| end.before.is_some() && end.after.is_none();
        let was_busy = |end: &HostEnd| end.problem.as_ref().is_some_and(|why| why.code == Code::Locked);
        match self.hosts.get(host) {
            None => untold,
            Some(end) => !end.outcome.is_good() && (untold || is_lost(end) || was_busy(end)),
        }
    }

    /// Returns the changed hosts, each with the generation before the rollout, if there was one, and the
    /// generation that the rollout made.
    #[must_use]
    pub fn changed(&self) -> BTreeMap<String, (Option<Generation>, Generation)> {
        self.hosts.iter().filter_map(|(host, end)| Some((host.clone(), end.made()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;

    use super::*;

    fn generation(number: u64) -> Generation {
        Generation { number, closure: format!("/nix/store/{number}") }
    }

    /// Returns the progress after work on the host `a` has ended once for each element of `ends`: an outcome,
    /// and the numbers of the generations before and after.
    fn progress(ends: &[(Outcome, Option<u64>, Option<u64>)]) -> RolloutProgress {
        let mut progress = RolloutProgress::default();
        for (outcome, before, after) in ends {
            let (before, after) = (before.map(generation), after.map(generation));
            let end = HostEnd {
                host: "a".into(),
                outcome: *outcome,
                reason_code: None,
                problem: None,
                exit_code: None,
                before,
                after,
                duration_ms: 1,
            };
            progress.hear(Event::now(None, EventKind::HostEnded(end)));
        }
        progress
    }

    fn made(ends: &[(Outcome, Option<u64>, Option<u64>)]) -> Option<(Option<u64>, u64)> {
        let changed = progress(ends).changed().remove("a");
        changed.map(|(before, made)| (before.map(|before| before.number), made.number))
    }

    #[test]
    fn a_host_that_was_lost_while_it_changed_may_have_changed() {
        let is_unknown = |ends: &[_]| progress(ends).is_unknown("a");
        assert!(is_unknown(&[]), "the command was killed");
        assert!(!RolloutProgress { end: Some(End::Paused), ..RolloutProgress::default() }.is_unknown("a"));
        assert!(is_unknown(&[(Outcome::Unreachable, Some(1), None)]));
        // The host stopped answering during its change, and still did not answer when the rollout was
        // resumed.
        assert!(is_unknown(&[(Outcome::Failed, Some(1), None), (Outcome::Unreachable, None, None)]));
        for known in [
            (Outcome::Ok, Some(1), Some(2)),
            (Outcome::Unchanged, Some(1), Some(1)),
            (Outcome::Unreachable, None, None),
        ] {
            assert!(!is_unknown(&[known]), "{known:?}");
        }
    }

    #[test]
    fn a_change_that_stands_is_known_however_the_host_ended() {
        assert_eq!(made(&[(Outcome::Ok, None, Some(1))]), Some((None, 1)));
        assert_eq!(made(&[(Outcome::Partial, Some(1), Some(2))]), Some((Some(1), 2)));
        let unhealthy = (Outcome::Failed, Some(1), Some(2));
        assert_eq!(made(&[unhealthy]), Some((Some(1), 2)));
        assert_eq!(made(&[(Outcome::Failed, Some(1), Some(1))]), None);
        assert_eq!(made(&[(Outcome::RolledBack, Some(1), Some(1))]), None);
        // A resumed rollout asks the host again, and the host may say that nothing changed. The rollout must
        // still know that it has changed the host.
        for again in [
            (Outcome::Unchanged, None, None),
            (Outcome::Unchanged, Some(2), Some(2)),
            (Outcome::Unreachable, None, None),
        ] {
            assert_eq!(made(&[unhealthy, again]), Some((Some(1), 2)));
        }
        assert_eq!(made(&[unhealthy, (Outcome::RolledBack, Some(2), Some(1))]), None);
        assert_eq!(made(&[unhealthy, (Outcome::Failed, Some(2), Some(1))]), None, "it went back, unhealthy");
    }
}
