//! The states of all hosts of a rollout, and the choice of the hosts that may be started next.

use std::collections::BTreeSet;
use std::ops::Range;

use nixfleet_contract::outcome::Outcome;

use super::limits::{Limits, shift};
use super::{HostState, Outline};

#[derive(Clone, Debug)]
struct Member {
    state: HostState,
    /// Whether work on the host was started by this command, and not by an earlier command of the same
    /// rollout.
    fresh: bool,
    /// Whether the host has the generation that the rollout made.
    changed: bool,
    wave: usize,
}

/// The hosts of a rollout, identified by their index among all hosts, counted in the order of the waves.
#[derive(Clone, Debug)]
pub struct Hosts {
    members: Vec<Member>,
    waves: Vec<Range<usize>>,
    left: Vec<usize>,
    limits: Limits,
    /// The hosts whose turn has not come, except hosts to which a closure is being copied.
    open: BTreeSet<usize>,
    /// The hosts in `open` to which nothing has been copied yet.
    waiting: BTreeSet<usize>,
    /// The hosts that were not started although more hosts could be changed at once, because a limit (a
    /// budget or the order of groups) held them back.
    held: Vec<usize>,
    to_return: BTreeSet<usize>,
    /// The hosts that download packages before the first host of the rollout is changed.
    downloading: BTreeSet<usize>,
    copying: usize,
    changing: usize,
}

impl Hosts {
    /// Creates the hosts of an outline. `stands` receives the name of a host and returns the initial state of
    /// that host. A host that has ended does not count as changed until [`Self::mark_changed`] says so: its
    /// outcome is also `ok` if the host only recovered from an interrupted run.
    pub fn new(outline: &Outline, stands: impl Fn(&str) -> HostState) -> Self {
        let names: Vec<(usize, &str)> = outline.hosts().collect();
        let sizes: Vec<usize> = outline.waves.iter().map(Vec::len).collect();
        let ends = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        let mut hosts = Self {
            members: names
                .iter()
                .map(|(wave, _)| Member {
                    state: HostState::Waiting,
                    fresh: false,
                    changed: false,
                    wave: *wave,
                })
                .collect(),
            waves: ends.zip(&sizes).map(|(end, size)| end - size..end).collect(),
            left: sizes,
            limits: Limits::of(outline),
            open: (0..names.len()).collect(),
            waiting: (0..names.len()).collect(),
            held: Vec::new(),
            to_return: BTreeSet::new(),
            downloading: BTreeSet::new(),
            copying: 0,
            changing: 0,
        };
        for (place, (_, name)) in names.into_iter().enumerate() {
            hosts.put(place, stands(name));
            let member = &mut hosts.members[place];
            (member.fresh, member.changed) = (false, false);
        }
        hosts
    }

    /// Returns the number of hosts.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.members.len()
    }

    /// Returns the number of waves.
    #[must_use]
    pub const fn waves(&self) -> usize {
        self.waves.len()
    }

    /// Returns the number of hosts that are being changed or rolled back.
    #[must_use]
    pub const fn changing(&self) -> usize {
        self.changing
    }

    /// Returns the number of hosts to which a closure is being copied.
    #[must_use]
    pub const fn copying(&self) -> usize {
        self.copying
    }

    /// Returns the number of hosts of a wave on which work has not ended.
    #[must_use]
    pub fn left(&self, wave: usize) -> usize {
        self.left[wave]
    }

    /// Whether the work on all hosts has ended.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.left.iter().all(|left| *left == 0)
    }

    /// Returns the state of a host.
    #[must_use]
    pub fn state(&self, host: usize) -> HostState {
        self.members[host].state
    }

    /// Returns the index of the wave of a host.
    #[must_use]
    pub fn wave(&self, host: usize) -> usize {
        self.members[host].wave
    }

    /// Sets the state of a host.
    pub fn put(&mut self, host: usize, state: HostState) {
        let old = std::mem::replace(&mut self.members[host].state, state);
        let member = &mut self.members[host];
        member.fresh |= state.is_changing() || state == HostState::Copying;
        if let HostState::Ended(outcome) = state {
            member.changed = outcome.has_changed() || member.changed && outcome != Outcome::RolledBack;
        }
        self.limits.note(host, old, state);
        shift(&mut self.left[member.wave], !old.has_ended(), !state.has_ended());
        shift(&mut self.copying, old == HostState::Copying, state == HostState::Copying);
        shift(&mut self.changing, old.is_changing(), state.is_changing());
        hold(&mut self.open, host, state.is_open());
        hold(&mut self.waiting, host, state == HostState::Waiting);
        hold(&mut self.to_return, host, state == HostState::ToReturn);
    }

    /// Records that a host has the generation that the rollout made, whatever the outcome of the host.
    pub fn mark_changed(&mut self, host: usize) {
        self.members[host].changed = true;
    }

    /// Makes a host download packages before the first host of the rollout is changed.
    pub fn download_first(&mut self, host: usize) {
        self.downloading.insert(host);
    }

    /// Whether a host has to download packages, or is still doing so.
    #[must_use]
    pub fn any_downloading(&self) -> bool {
        let is_left = |host: &usize| matches!(self.state(*host), HostState::Waiting | HostState::Copying);
        self.downloading.iter().any(is_left)
    }

    /// Starts at most `room` hosts that download packages, and returns them.
    pub fn begin_download(&mut self, room: usize) -> Vec<usize> {
        let waiting = self.downloading.intersection(&self.waiting);
        let begun: Vec<usize> = waiting.copied().take(room).collect();
        for host in &begun {
            self.put(*host, HostState::Copying);
        }
        begun
    }

    /// Starts changing at most `room` hosts of a wave, and returns them.
    pub fn begin(&mut self, wave: usize, room: usize) -> Vec<usize> {
        let mut begun = Vec::new();
        let Range { mut start, end } = self.waves[wave].clone();
        if room > 0 {
            self.held.clear();
        }
        while begun.len() < room
            && let Some(host) = self.open.range(start..end).next().copied()
        {
            start = host + 1;
            if self.limits.let_change(host) {
                self.put(host, HostState::Changing);
                begun.push(host);
            } else {
                self.held.push(host);
            }
        }
        begun
    }

    /// Starts rolling back at most `room` hosts, and returns them. Hosts that are already down do not count
    /// against a budget (the limit on hosts with a tag that are down), since a rollback may bring these hosts
    /// up.
    pub fn begin_return(&mut self, room: usize) -> Vec<usize> {
        let mut begun = Vec::new();
        for host in self.to_return.clone() {
            if begun.len() == room {
                break;
            }
            if self.limits.let_return(host) {
                self.put(host, HostState::Returning);
                begun.push(host);
            }
        }
        begun
    }

    /// Starts copying closures to at most `room` hosts whose turn will come, and returns them. These are the
    /// hosts of this wave that limits hold back, and the hosts of the next wave. Hosts that only wait until
    /// fewer hosts are being changed need no copy in advance.
    pub fn begin_copy(&mut self, wave: usize, room: usize) -> Vec<usize> {
        if room == 0 {
            return Vec::new();
        }
        let held = self.held.iter().filter(|host| self.waiting.contains(host));
        let next = self.waves.get(wave + 1).map(|wave| self.waiting.range(wave.clone()));
        let begun: Vec<usize> = held.chain(next.into_iter().flatten()).copied().take(room).collect();
        for host in &begun {
            self.put(*host, HostState::Copying);
        }
        begun
    }

    /// Returns the tag because of which no remaining host of a wave can be started: hosts that are down use
    /// up the budget of the tag, which limits how many hosts with the tag may be down.
    pub fn exhausted(&self, wave: usize) -> Option<String> {
        if self.changing > 0 {
            return None;
        }
        let waiting: Vec<usize> = self.open.range(self.waves[wave].clone()).copied().collect();
        if waiting.len() < self.left[wave] {
            return None;
        }
        waiting.into_iter().find_map(|host| self.limits.used_up(host)).map(str::to_owned)
    }

    /// Whether some hosts still have to be rolled back.
    #[must_use]
    pub fn any_to_return(&self) -> bool {
        !self.to_return.is_empty()
    }

    /// Returns, for each host of a wave on which work has ended, whether this command started the work, and
    /// the outcome of the host.
    pub fn ended(&self, wave: usize) -> impl Iterator<Item = (bool, Outcome)> {
        self.of(wave).filter_map(|member| match member.state {
            HostState::Ended(outcome) => Some((member.fresh, outcome)),
            _ => None,
        })
    }

    /// Returns the number of hosts of a wave that have ended without success.
    #[must_use]
    pub fn bad(&self, wave: usize) -> usize {
        let bad = |member: &&Member| matches!(member.state, HostState::Ended(outcome) if !outcome.is_good());
        self.of(wave).filter(bad).count()
    }

    /// Whether at least one host of a wave has succeeded or has kept its change.
    #[must_use]
    pub fn any_good(&self, wave: usize) -> bool {
        let is_good = |outcome: Outcome| outcome.is_good() || outcome.has_changed();
        self.of(wave).any(|member| matches!(member.state, HostState::Ended(outcome) if is_good(outcome)))
    }

    /// Whether this command has changed any host of a wave.
    #[must_use]
    pub fn any_changed(&self, wave: usize) -> bool {
        self.of(wave).any(|member| member.fresh && member.changed)
    }

    /// Returns the hosts of one wave, or of all waves, that have ended with the generation that the rollout
    /// made.
    #[must_use]
    pub fn changed(&self, wave: Option<usize>) -> Vec<usize> {
        let members = self.members.iter().enumerate();
        let of_wave = members.filter(|(_, member)| wave.is_none_or(|wave| member.wave == wave));
        let changed = of_wave.filter(|(_, member)| member.changed && member.state.has_ended());
        changed.map(|(host, _)| host).collect()
    }

    fn of(&self, wave: usize) -> impl Iterator<Item = &Member> {
        self.members[self.waves[wave].clone()].iter()
    }
}

/// Adds a host to a set if `is_in` is true, or else removes the host from the set.
fn hold(set: &mut BTreeSet<usize>, host: usize, is_in: bool) {
    if is_in {
        set.insert(host);
    } else {
        set.remove(&host);
    }
}
