//! Finds the variables that apply to a host. As in Ansible, variables of the host itself take precedence over
//! variables of its groups, a child group takes precedence over its parents, and the group `all` comes last.

use std::collections::{BTreeMap, BTreeSet};

use super::inventory::Inventory;
use super::variable::{Value, Variable, Variables};

/// The groups of each host, and the depths of the groups, on which the precedence of their variables depends.
pub struct Layers<'i> {
    inventory: &'i Inventory,
    /// The parent groups of each group.
    parents: BTreeMap<&'i str, BTreeSet<&'i str>>,
    /// The depth of each group: the number of steps on the longest way from the group `all` to the group.
    depths: BTreeMap<&'i str, usize>,
    /// The groups that list each host directly, by the name of the host.
    listed: BTreeMap<&'i str, BTreeSet<&'i str>>,
    /// The groups that contain a host, directly or in a child group.
    filled: BTreeSet<&'i str>,
}

impl<'i> Layers<'i> {
    /// Finds the groups of all hosts. [`Inventory::check`] has made sure that the groups do not contain each
    /// other in a cycle.
    pub fn of(inventory: &'i Inventory) -> Self {
        let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut listed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, group) in &inventory.groups {
            for child in group.children.keys() {
                parents.entry(child).or_default().insert(name);
            }
            for host in &group.hosts {
                listed.entry(host).or_default().insert(name);
            }
        }
        let mut layers =
            Self { inventory, parents, depths: BTreeMap::new(), listed, filled: BTreeSet::new() };
        layers.measure();
        layers.fill();
        layers
    }

    /// Computes the depth of each group, which is one more than the depth of its deepest parent. A group
    /// therefore gets its depth after all of its parents.
    fn measure(&mut self) {
        let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
        let names = || self.inventory.groups.keys().map(String::as_str);
        for name in names() {
            waiting.insert(name, self.parents.get(name).map_or(0, BTreeSet::len));
        }
        let mut ready: Vec<&str> = names().filter(|name| waiting.get(name) == Some(&0)).collect();
        while let Some(name) = ready.pop() {
            let above = self.parents.get(name).into_iter().flatten();
            let deepest = above.filter_map(|parent| self.depths.get(parent)).max();
            let depth = if name == "all" { 0 } else { 1 + deepest.copied().unwrap_or_default() };
            self.depths.insert(name, depth);
            for child in self.inventory.groups.get(name).into_iter().flat_map(|group| group.children.keys()) {
                if let Some(count) = waiting.get_mut(child.as_str()) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(child);
                    }
                }
            }
        }
    }

    fn fill(&mut self) {
        let mut todo: Vec<&str> = self.listed.values().flatten().copied().collect();
        while let Some(name) = todo.pop() {
            if self.filled.insert(name) {
                todo.extend(self.parents.get(name).into_iter().flatten());
            }
        }
    }

    /// Whether a group contains no host, neither directly nor in a child group.
    pub fn is_empty(&self, group: &str) -> bool {
        !self.filled.contains(group)
    }

    /// Returns the names of all groups that contain a host, directly or in a child group. The groups `all`
    /// and `ungrouped`, which every inventory has, are left out.
    pub fn groups_of(&self, host: &str) -> BTreeSet<String> {
        let all = self.all_groups_of(host).into_iter().filter(|name| *name != "all" && *name != "ungrouped");
        all.map(str::to_owned).collect()
    }

    fn all_groups_of(&self, host: &str) -> BTreeSet<&'i str> {
        let mut found = BTreeSet::from(["all"]);
        let mut todo: Vec<&str> = self.listed.get(host).into_iter().flatten().copied().collect();
        while let Some(name) = todo.pop() {
            if found.insert(name) {
                todo.extend(self.parents.get(name).into_iter().flatten());
            }
        }
        found
    }

    /// Returns the variables of a host by name. If a variable is set several times, returns the value that
    /// takes precedence.
    pub fn variables_of(&self, host: &str) -> BTreeMap<&'i str, &'i Variable> {
        let mut groups: Vec<&str> = self.all_groups_of(host).into_iter().collect();
        // The groups are sorted by depth, then by priority, then by name, with `all` first. The variables of
        // later groups take precedence.
        groups
            .sort_by_key(|name| (*name != "all", self.depths.get(name).copied(), self.priority(name), *name));
        let groups: Vec<_> =
            groups.iter().filter_map(|name| self.inventory.groups.get_key_value(*name)).collect();
        let mut variables = BTreeMap::new();
        let mut add = |more: &'i Variables| {
            variables.extend(more.iter().map(|(name, variable)| (name.as_str(), variable)));
        };
        // All variables in files of `group_vars` take precedence over all variables of groups in the
        // inventory files. So the variables in the inventory files are added first, for all groups.
        for (_, group) in &groups {
            add(&group.inline);
        }
        for (_, group) in &groups {
            add(&group.from_files);
        }
        if let Some(host) = self.inventory.hosts.get(host) {
            add(&host.inline);
            add(&host.from_files);
        }
        variables
    }

    /// Returns the priority of a group (`ansible_group_priority`), or 1 if the group sets no priority.
    fn priority(&self, group: &str) -> i64 {
        let variable = self.inventory.groups.get(group).and_then(|group| {
            group
                .from_files
                .get("ansible_group_priority")
                .or_else(|| group.inline.get("ansible_group_priority"))
        });
        match variable.map(|variable| &variable.value) {
            Some(Value::Text(text)) => text.trim().parse().unwrap_or(1),
            _ => 1,
        }
    }
}
