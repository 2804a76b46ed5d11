//! The constraints between hosts of a rollout: how many hosts with a tag may be down, and which hosts wait
//! for other hosts.

use std::collections::BTreeMap;

use super::{HostState, Outline};

/// The constraints that apply to one host.
#[derive(Clone, Debug, Default)]
struct Ties {
    wave: usize,
    group: Option<usize>,
    budgets: Vec<usize>,
}

#[derive(Clone, Debug)]
struct TagBudget {
    tag: String,
    most: usize,
    changing: usize,
    down: usize,
}

#[derive(Clone, Debug)]
struct LimitGroup {
    after: Vec<usize>,
    /// For each wave, the number of hosts of the group on which work has not ended.
    left: Vec<usize>,
}

/// The budgets of tags and the ordered groups of hosts in a rollout. A budget counts the hosts with the tag
/// that are changing or down, and a group counts the hosts on which work has not ended. Hosts are identified
/// by their index among all hosts, counted in the order of the waves.
#[derive(Clone, Debug)]
pub struct Limits {
    ties: Vec<Ties>,
    budgets: Vec<TagBudget>,
    groups: Vec<LimitGroup>,
}

impl Limits {
    /// Creates the limits for a rollout of this outline. At the start, all hosts are waiting.
    pub fn of(outline: &Outline) -> Self {
        let places: BTreeMap<&str, usize> =
            outline.hosts().enumerate().map(|(place, (_, name))| (name, place)).collect();
        let mut ties: Vec<Ties> = outline.hosts().map(|(wave, _)| Ties { wave, ..Ties::default() }).collect();
        for (number, budget) in outline.budgets.iter().enumerate() {
            for place in budget.hosts.iter().filter_map(|name| places.get(name.as_str())) {
                ties[*place].budgets.push(number);
            }
        }
        let mut groups = Vec::new();
        for (number, group) in outline.groups.iter().enumerate() {
            let mut left = vec![0; outline.waves.len()];
            for place in group.hosts.iter().filter_map(|name| places.get(name.as_str())) {
                ties[*place].group = Some(number);
                left[ties[*place].wave] += 1;
            }
            groups.push(LimitGroup { after: group.after.clone(), left });
        }
        let budget = |budget: &super::Budget| TagBudget {
            tag: budget.tag.clone(),
            most: budget.most,
            changing: 0,
            down: 0,
        };
        Self { ties, budgets: outline.budgets.iter().map(budget).collect(), groups }
    }

    /// Notes that the state of a host has changed.
    pub fn note(&mut self, host: usize, old: HostState, new: HostState) {
        let ties = &self.ties[host];
        for budget in &ties.budgets {
            let budget = &mut self.budgets[*budget];
            shift(&mut budget.changing, old.is_changing(), new.is_changing());
            shift(&mut budget.down, old.is_down(), new.is_down());
        }
        if let Some(group) = ties.group {
            shift(&mut self.groups[group].left[ties.wave], !old.has_ended(), !new.has_ended());
        }
    }

    /// Whether the change of a host may start.
    pub fn let_change(&self, host: usize) -> bool {
        let ties = &self.ties[host];
        // The work on all hosts of earlier waves has ended, so only the wave of this host is checked.
        let is_due = |group: &usize| self.groups[*group].left[ties.wave] == 0;
        let mut budgets = self.budgets(host);
        ties.group.is_none_or(|group| self.groups[group].after.iter().all(is_due))
            && budgets.all(|budget| budget.changing + budget.down < budget.most)
    }

    /// Whether the rollback of a host may start. Hosts that are already down do not count against a budget
    /// (the limit on hosts with a tag that are down), since a rollback may bring these hosts up.
    pub fn let_return(&self, host: usize) -> bool {
        self.budgets(host).all(|budget| budget.changing < budget.most)
    }

    /// Returns a tag of the host if as many hosts with that tag are already down as the budget of the tag
    /// allows.
    pub fn used_up(&self, host: usize) -> Option<&str> {
        self.budgets(host).find(|budget| budget.down >= budget.most).map(|budget| budget.tag.as_str())
    }

    fn budgets(&self, host: usize) -> impl Iterator<Item = &TagBudget> {
        self.ties[host].budgets.iter().map(|budget| &self.budgets[*budget])
    }
}

/// Adjusts a count of hosts that have some property, when one host gains or loses the property.
pub const fn shift(count: &mut usize, before: bool, after: bool) {
    if !before && after {
        *count += 1;
    } else if before && !after {
        *count -= 1;
    }
}
