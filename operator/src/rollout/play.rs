//! A simulated rollout for tests, without hosts and without waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nixfleet_contract::outcome::Outcome;

use super::Outline;
use super::hosts::Hosts;
use super::schedule::{Action, Schedule};
use super::state::HostState;
use super::verdict::Verdict;

/// A simulated rollout. The hosts end one after another, each with a given outcome, and time passes only in
/// soaks.
pub struct Play {
    /// The names of the hosts, in the order of the waves.
    pub names: Vec<String>,
    /// The schedule of the rollout.
    pub schedule: Schedule,
    /// The outcomes with which the changes of hosts end, by host name. The default is [`Outcome::Ok`].
    pub ends: BTreeMap<String, Outcome>,
    /// The hosts to which copying fails.
    pub uncopied: BTreeSet<String>,
    /// The hosts whose rollback fails.
    pub stubborn: BTreeSet<String>,
    /// The simulated time since the start of the rollout.
    pub now: Duration,
    said: Vec<String>,
    /// The hosts that are being changed, and whether each is being rolled back.
    pub running: Vec<(usize, bool)>,
}

impl Play {
    pub fn new(outline: &Outline, ends: &[(&str, Outcome)], settled: &[(&str, Outcome)]) -> Self {
        let known: BTreeMap<&str, Outcome> = settled.iter().copied().collect();
        let stands =
            |name: &str| known.get(name).map_or(HostState::Waiting, |outcome| HostState::Ended(*outcome));
        Self {
            names: outline.hosts().map(|(_, name)| name.to_owned()).collect(),
            schedule: Schedule::new(outline.policy.clone(), Hosts::new(outline, stands)),
            ends: ends.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect(),
            uncopied: BTreeSet::new(),
            stubborn: BTreeSet::new(),
            now: Duration::ZERO,
            said: Vec::new(),
            running: Vec::new(),
        }
    }

    /// Performs all actions that the schedule allows. Each copy ends immediately.
    pub fn ask(&mut self) {
        while self.take_in() {}
    }

    fn take_in(&mut self) -> bool {
        let actions = self.schedule.next(self.now);
        let any = !actions.is_empty();
        for action in actions {
            let name = |host: usize| self.names[host].clone();
            match action {
                Action::Copy(host) if self.uncopied.contains(&self.names[host]) => {
                    self.schedule.ended(host, Outcome::Unreachable);
                }
                Action::Copy(host) => self.schedule.copied(host),
                Action::Change(host) => {
                    self.said.push(name(host));
                    self.running.push((host, false));
                }
                Action::GoBack(host) => {
                    self.said.push(format!("-{}", name(host)));
                    self.running.push((host, true));
                }
                Action::WaveBegan(wave) => self.said.push(format!("wave {}", wave + 1)),
                Action::WaveSoaks(_) => self.said.push("soak".to_owned()),
                Action::WaveEnded(_, failed) if failed > 0 => self.said.push(format!("{failed} failed")),
                Action::WaveEnded(..) => {}
                Action::Stopped(pause) => self.said.push(format!("stop: {pause}")),
                Action::Returning(hosts) => self.said.push(format!("{} go back", hosts.len())),
            }
        }
        any
    }

    /// Ends the work on one of the hosts in `running`. `which` is the index of that host in `running`.
    pub fn end(&mut self, which: usize) {
        let (host, back) = self.running.remove(which);
        let foretold = self.ends.get(&self.names[host]).copied().unwrap_or(Outcome::Ok);
        let gone_back =
            if self.stubborn.contains(&self.names[host]) { Outcome::Failed } else { Outcome::RolledBack };
        self.schedule.ended(host, if back { gone_back } else { foretold });
    }

    pub fn played_out(mut self) -> (String, Verdict) {
        loop {
            self.ask();
            if let Some(verdict) = self.schedule.verdict() {
                return (self.said.join(", "), verdict.clone());
            }
            if self.running.is_empty() {
                self.now = self.schedule.wakes().expect("nothing runs, and nothing will");
            } else {
                self.end(0);
            }
        }
    }
}
