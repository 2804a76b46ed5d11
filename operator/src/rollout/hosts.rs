//! Where each host of a rollout stands, and which of them may be next.

use std::collections::BTreeSet;
use std::ops::Range;

use nixfleet_contract::outcome::Outcome;

use super::limits::{Limits, shift};
use super::{HostState, Outline};

#[derive(Clone, Debug)]
struct Member {
    state: HostState,
    /// Something was begun on it since this schedule was made.
    fresh: bool,
    /// It stands where the rollout has put it.
    changed: bool,
    wave: usize,
}

/// The hosts of a rollout, by their place in the waves, counted through.
#[derive(Clone, Debug)]
pub struct Hosts {
    members: Vec<Member>,
    waves: Vec<Range<usize>>,
    left: Vec<usize>,
    limits: Limits,
    /// Those whose turn has not come, and that wait for no copy.
    open: BTreeSet<usize>,
    /// Those of them to which nothing was copied yet.
    waiting: BTreeSet<usize>,
    /// Those that could not begin when there was room for them.
    held: Vec<usize>,
    to_return: BTreeSet<usize>,
    copying: usize,
    changing: usize,
}

impl Hosts {
    /// The hosts of an outline, each as it stands at first.
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
            copying: 0,
            changing: 0,
        };
        for (place, (_, name)) in names.into_iter().enumerate() {
            hosts.put(place, stands(name));
            hosts.members[place].fresh = false;
        }
        hosts
    }

    /// How many hosts there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.members.len()
    }

    /// How many waves there are.
    #[must_use]
    pub const fn waves(&self) -> usize {
        self.waves.len()
    }

    /// How many hosts are being changed or go back.
    #[must_use]
    pub const fn changing(&self) -> usize {
        self.changing
    }

    /// To how many hosts something is being copied.
    #[must_use]
    pub const fn copying(&self) -> usize {
        self.copying
    }

    /// How many hosts of a wave have not ended.
    #[must_use]
    pub fn left(&self, wave: usize) -> usize {
        self.left[wave]
    }

    /// Whether no host is left to be begun or waited for.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.left.iter().all(|left| *left == 0)
    }

    /// Where a host stands.
    #[must_use]
    pub fn state(&self, host: usize) -> HostState {
        self.members[host].state
    }

    /// The wave of a host.
    #[must_use]
    pub fn wave(&self, host: usize) -> usize {
        self.members[host].wave
    }

    /// Notes where a host stands from now on.
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

    /// Notes that a host stands where the rollout has put it, however it ended.
    pub fn stands_changed(&mut self, host: usize) {
        self.members[host].changed = true;
    }

    /// Begins to change hosts of a wave, at most so many.
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

    /// Begins to take back at most `room` hosts, and returns them. A host that is down does not count against
    /// a budget here: going back may bring it up.
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

    /// Begins to copy to hosts whose turn will come: those of this wave that wait for others, and those of
    /// the next one. Who waits for nothing but room needs no copy beforehand.
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

    /// The tag whose budget is used up by hosts that are down, where all hosts that a wave has left wait for
    /// it.
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

    /// Whether hosts are still to go back.
    #[must_use]
    pub fn any_to_return(&self) -> bool {
        !self.to_return.is_empty()
    }

    /// The hosts of a wave that have ended: whether something was begun on each, and how it ended.
    pub fn ended(&self, wave: usize) -> impl Iterator<Item = (bool, Outcome)> {
        self.of(wave).filter_map(|member| match member.state {
            HostState::Ended(outcome) => Some((member.fresh, outcome)),
            _ => None,
        })
    }

    /// How many hosts of a wave are not as they should be.
    #[must_use]
    pub fn bad(&self, wave: usize) -> usize {
        let bad = |member: &&Member| matches!(member.state, HostState::Ended(outcome) if !outcome.is_good());
        self.of(wave).filter(bad).count()
    }

    /// Whether any host of a wave is as it should be.
    #[must_use]
    pub fn any_good(&self, wave: usize) -> bool {
        let is_good = |outcome: Outcome| outcome.is_good() || outcome.has_changed();
        self.of(wave).any(|member| matches!(member.state, HostState::Ended(outcome) if is_good(outcome)))
    }

    /// Whether any host of a wave was changed just now.
    #[must_use]
    pub fn any_changed(&self, wave: usize) -> bool {
        self.of(wave).any(|member| member.fresh && member.changed)
    }

    /// The hosts that are done and stand where the rollout has put them, of a wave or of all.
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

/// Keeps a host in a set or out of it.
fn hold(set: &mut BTreeSet<usize>, host: usize, is_in: bool) {
    if is_in {
        set.insert(host);
    } else {
        set.remove(&host);
    }
}
