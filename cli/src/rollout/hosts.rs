//! Where each host of a rollout stands, and which of them may be next.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use nixfleet_activate::report::Outcome;

use super::{Outline, State};

#[derive(Clone, Debug)]
struct Member {
    state: State,
    /// It has begun since this schedule was made.
    fresh: bool,
    wave: usize,
    group: Option<usize>,
    budgets: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Budget {
    tag: String,
    most: usize,
    changing: usize,
    down: usize,
}

#[derive(Clone, Debug)]
struct Group {
    after: Vec<usize>,
    /// How many of its hosts have not ended, by wave.
    left: Vec<usize>,
}

/// The hosts of a rollout, by their place in the waves, counted through.
#[derive(Clone, Debug)]
pub struct Hosts {
    members: Vec<Member>,
    waves: Vec<Range<usize>>,
    left: Vec<usize>,
    budgets: Vec<Budget>,
    groups: Vec<Group>,
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
    pub fn new(outline: &Outline, stands: impl Fn(&str) -> State) -> Self {
        let names: Vec<(usize, &str)> = outline.hosts().collect();
        let places: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(place, (_, name))| (*name, place)).collect();
        let member =
            |wave| Member { state: State::Waiting, fresh: false, wave, group: None, budgets: vec![] };
        let mut members: Vec<Member> = names.iter().map(|(wave, _)| member(*wave)).collect();
        for (number, budget) in outline.budgets.iter().enumerate() {
            for place in budget.hosts.iter().filter_map(|name| places.get(name.as_str())) {
                members[*place].budgets.push(number);
            }
        }
        for (number, group) in outline.groups.iter().enumerate() {
            for place in group.hosts.iter().filter_map(|name| places.get(name.as_str())) {
                members[*place].group = Some(number);
            }
        }
        let mut hosts = Self::of_waiting(outline, members);
        for (place, (_, name)) in names.into_iter().enumerate() {
            hosts.put(place, stands(name));
            hosts.members[place].fresh = false;
        }
        hosts
    }

    fn of_waiting(outline: &Outline, members: Vec<Member>) -> Self {
        let sizes: Vec<usize> = outline.waves.iter().map(Vec::len).collect();
        let ends = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        let waves = ends.zip(&sizes).map(|(end, size)| end - size..end).collect();
        let budget = |budget: &super::Budget| Budget {
            tag: budget.tag.clone(),
            most: budget.most,
            changing: 0,
            down: 0,
        };
        let group =
            |group: &super::Group| Group { after: group.after.clone(), left: vec![0; outline.waves.len()] };
        let mut groups: Vec<Group> = outline.groups.iter().map(group).collect();
        for member in &members {
            if let Some(group) = member.group {
                groups[group].left[member.wave] += 1;
            }
        }
        Self {
            open: (0..members.len()).collect(),
            waiting: (0..members.len()).collect(),
            held: Vec::new(),
            to_return: BTreeSet::new(),
            members,
            waves,
            left: sizes,
            budgets: outline.budgets.iter().map(budget).collect(),
            groups,
            copying: 0,
            changing: 0,
        }
    }

    /// How many hosts there are.
    pub const fn count(&self) -> usize {
        self.members.len()
    }

    /// How many waves there are.
    pub const fn waves(&self) -> usize {
        self.waves.len()
    }

    /// How many hosts are being changed or go back.
    pub const fn changing(&self) -> usize {
        self.changing
    }

    /// To how many hosts something is being copied.
    pub const fn copying(&self) -> usize {
        self.copying
    }

    /// How many hosts of a wave have not ended.
    pub fn left(&self, wave: usize) -> usize {
        self.left[wave]
    }

    /// Where a host stands.
    pub fn state(&self, host: usize) -> State {
        self.members[host].state
    }

    /// Notes where a host stands from now on.
    pub fn put(&mut self, host: usize, state: State) {
        let old = std::mem::replace(&mut self.members[host].state, state);
        let member = &mut self.members[host];
        member.fresh |= state.is_changing();
        for budget in &member.budgets {
            let budget = &mut self.budgets[*budget];
            shift(&mut budget.changing, old.is_changing(), state.is_changing());
            shift(&mut budget.down, old.is_down(), state.is_down());
        }
        let has_ended = |state| matches!(state, State::Ended(_));
        shift(&mut self.left[member.wave], !has_ended(old), !has_ended(state));
        if let Some(group) = member.group {
            shift(&mut self.groups[group].left[member.wave], !has_ended(old), !has_ended(state));
        }
        shift(&mut self.copying, old == State::Copying, state == State::Copying);
        shift(&mut self.changing, old.is_changing(), state.is_changing());
        hold(&mut self.open, host, state.is_open());
        hold(&mut self.waiting, host, state == State::Waiting);
        hold(&mut self.to_return, host, state == State::ToReturn);
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
            if self.may_change(host) {
                self.put(host, State::Changing);
                begun.push(host);
            } else {
                self.held.push(host);
            }
        }
        begun
    }

    /// Begins to take hosts back, at most so many. Who is down already counts for nothing here: going back is the way up.
    pub fn begin_return(&mut self, room: usize) -> Vec<usize> {
        let mut begun = Vec::new();
        for host in self.to_return.clone() {
            if begun.len() == room {
                break;
            }
            let budgets = &self.members[host].budgets;
            if budgets.iter().all(|budget| self.budgets[*budget].changing < self.budgets[*budget].most) {
                self.put(host, State::Returning);
                begun.push(host);
            }
        }
        begun
    }

    /// Begins to copy to hosts whose turn will come: those of this wave that wait for others, and those of the next one.
    /// Who waits for nothing but room needs no copy beforehand.
    pub fn begin_copy(&mut self, wave: usize, room: usize) -> Vec<usize> {
        if room == 0 {
            return Vec::new();
        }
        let held = self.held.iter().filter(|host| self.waiting.contains(host));
        let next = self.waves.get(wave + 1).map(|wave| self.waiting.range(wave.clone()));
        let begun: Vec<usize> = held.chain(next.into_iter().flatten()).copied().take(room).collect();
        for host in &begun {
            self.put(*host, State::Copying);
        }
        begun
    }

    fn may_change(&self, host: usize) -> bool {
        let member = &self.members[host];
        // Hosts of earlier waves have all ended.
        let is_due = |group: &usize| self.groups[*group].left[member.wave] == 0;
        let in_budget = |budget: &usize| {
            let budget = &self.budgets[*budget];
            budget.changing + budget.down < budget.most
        };
        member.group.is_none_or(|group| self.groups[group].after.iter().all(is_due))
            && member.budgets.iter().all(in_budget)
    }

    /// The tag whose budget is used up by hosts that are down, where all hosts that a wave has left wait for it.
    pub fn exhausted(&self, wave: usize) -> Option<String> {
        if self.changing > 0 {
            return None;
        }
        let waiting: Vec<usize> = self.open.range(self.waves[wave].clone()).copied().collect();
        if waiting.len() < self.left[wave] {
            return None;
        }
        let budgets = waiting.iter().flat_map(|host| &self.members[*host].budgets);
        let mut used_up = budgets.map(|budget| &self.budgets[*budget]).filter(|each| each.down >= each.most);
        used_up.next().map(|budget| budget.tag.clone())
    }

    /// Whether hosts are still to go back.
    pub fn any_to_return(&self) -> bool {
        !self.to_return.is_empty()
    }

    /// How many hosts of a wave had this outcome before it began.
    pub fn settled(&self, wave: usize, outcome: Outcome) -> usize {
        self.of(wave).filter(|member| !member.fresh && member.state == State::Ended(outcome)).count()
    }

    /// How many hosts of a wave are not as they should be.
    pub fn bad(&self, wave: usize) -> usize {
        let bad = |member: &&Member| matches!(member.state, State::Ended(outcome) if !outcome.is_good());
        self.of(wave).filter(bad).count()
    }

    /// Whether any host of a wave is as it should be.
    pub fn any_good(&self, wave: usize) -> bool {
        self.of(wave).any(|member| matches!(member.state, State::Ended(outcome) if outcome.is_good()))
    }

    /// Whether any host of a wave was changed just now.
    pub fn any_changed(&self, wave: usize) -> bool {
        self.of(wave).any(|member| member.fresh && member.state == State::Ended(Outcome::Ok))
    }

    /// The hosts that were changed, of a wave or of all.
    pub fn changed(&self, wave: Option<usize>) -> Vec<usize> {
        let members = self.members.iter().enumerate();
        let of_wave = members.filter(|(_, member)| wave.is_none_or(|wave| member.wave == wave));
        of_wave
            .filter(|(_, member)| member.state == State::Ended(Outcome::Ok))
            .map(|(host, _)| host)
            .collect()
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

/// Counts one more or one less where a property came or went.
const fn shift(count: &mut usize, before: bool, after: bool) {
    if !before && after {
        *count += 1;
    } else if before && !after {
        *count -= 1;
    }
}
