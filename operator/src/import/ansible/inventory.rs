//! The groups, hosts and variables of an Ansible inventory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use nixfleet_contract::problem::Problem;

use super::host_range;
use super::variable::Variables;
use crate::import::files::bad;
use crate::import::note::Place;

/// The maximum number of hosts of an inventory.
const MOST_HOSTS: usize = 100_000;
/// The maximum number of groups of an inventory.
const MOST_GROUPS: usize = 20_000;

/// The groups and hosts of an Ansible inventory, with their variables.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The groups by name.
    pub groups: BTreeMap<String, Group>,
    /// The hosts by name.
    pub hosts: BTreeMap<String, InventoryHost>,
}

/// A group of an inventory.
#[derive(Debug, Default)]
pub struct Group {
    /// The hosts that the inventory lists in this group itself, and not in a child group.
    pub hosts: BTreeSet<String>,
    /// The child groups by name, each with the file and line that lists the child.
    pub children: BTreeMap<String, Place>,
    /// The variables that the inventory files set for the group.
    pub inline: Variables,
    /// The variables that files in the directory `group_vars` set for the group.
    pub from_files: Variables,
    /// Whether the group is defined. It is not defined if the inventory only lists it as a child or only sets
    /// its variables.
    pub is_defined: bool,
    /// The file and line of the first section with variables of the group, if there is such a section.
    pub variables_at: Option<Place>,
}

/// A host of an inventory.
#[derive(Debug, Default)]
pub struct InventoryHost {
    /// The variables that the inventory files set for the host.
    pub inline: Variables,
    /// The variables that files in the directory `host_vars` set for the host.
    pub from_files: Variables,
}

impl Inventory {
    /// Returns the group with this name. Adds the group first if it does not exist.
    pub fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Marks the group with this name as defined, and returns it. Adds the group first if it does not exist.
    pub fn define(&mut self, name: &str) -> &mut Group {
        let group = self.group(name);
        group.is_defined = true;
        group
    }

    /// Adds hosts to a group and sets `variables` for each of them. `pattern` is the name of one host, or a
    /// pattern such as `web[1:3]` for several hosts.
    ///
    /// # Errors
    /// The pattern is wrong, or the inventory becomes too large.
    pub fn add_hosts(
        &mut self,
        group: &str,
        pattern: &str,
        variables: &Variables,
        place: &Place,
    ) -> Result<(), Problem> {
        let (pattern, port) = without_port(pattern);
        let names = host_range::expand(pattern).map_err(|why| {
            bad(place, "the name of a host is wrong").because(why).help("correct the range")
        })?;
        for name in names {
            if name.is_empty() {
                return Err(bad(place, "a host has no name"));
            }
            self.define(group).hosts.insert(name.clone());
            let host = self.hosts.entry(name).or_default();
            if let Some(port) = port {
                let variable = super::variable::Variable::text(port, place);
                host.inline.insert("ansible_port".to_owned(), variable);
            }
            host.inline.extend(variables.clone());
        }
        if self.hosts.len() > MOST_HOSTS {
            return Err(bad(place, format!("the inventory has more than {MOST_HOSTS} hosts")));
        }
        Ok(())
    }

    /// Checks that groups refer only to groups that are defined, and that no group contains itself. The check
    /// is made after all inventory files have been read, because a later file may define a group.
    ///
    /// # Errors
    /// A group is not defined, or is its own descendant, or there are too many groups.
    pub fn check(&self) -> Result<(), Problem> {
        let unknown = |name: &str| name != "all" && name != "ungrouped" && !self.is_defined(name);
        for (name, group) in &self.groups {
            if let Some(place) = group.variables_at.as_ref().filter(|_| unknown(name)) {
                return Err(bad(place, format!("the variables of the group {name} belong to no group"))
                    .help(format!("define the group: add the line [{name}]")));
            }
            if let Some((child, place)) = group.children.iter().find(|(child, _)| unknown(child)) {
                return Err(bad(place, format!("the group {name} has the child {child}, which is no group"))
                    .help(format!("define the group: add the line [{child}]")));
            }
        }
        if self.groups.len() > MOST_GROUPS {
            return Err(bad(&Place::file("inventory"), format!("there are more than {MOST_GROUPS} groups")));
        }
        self.check_cycles()
    }

    fn is_defined(&self, name: &str) -> bool {
        self.groups.get(name).is_some_and(|group| group.is_defined)
    }

    /// Checks that no group is its own descendant. A group is removed when it has no children, or when all
    /// its children were removed. Groups remain only if they contain each other in a cycle.
    fn check_cycles(&self) -> Result<(), Problem> {
        let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut children: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, group) in &self.groups {
            children.insert(name, group.children.len());
            for child in group.children.keys() {
                parents.entry(child).or_default().push(name);
                children.entry(child).or_default();
            }
        }
        let mut leaves: Vec<&str> =
            children.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
        while let Some(leaf) = leaves.pop() {
            children.remove(leaf);
            for parent in parents.remove(leaf).unwrap_or_default() {
                if let Some(count) = children.get_mut(parent) {
                    *count -= 1;
                    if *count == 0 {
                        leaves.push(parent);
                    }
                }
            }
        }
        // Every remaining group has a child that remains, so a walk from any remaining group to its children
        // leads into a cycle.
        let below = |name: &str| {
            let group = self.groups.get_key_value(name)?;
            let (child, place) =
                group.1.children.iter().find(|(child, _)| children.contains_key(child.as_str()))?;
            Some((group.0, child, place))
        };
        let mut passed = BTreeSet::new();
        let mut step = children.keys().next().and_then(|name| below(name));
        while let Some((name, child, _)) = step.filter(|(_, child, _)| !passed.contains(child)) {
            passed.insert(name);
            step = below(child);
        }
        let Some((name, child, place)) = step else { return Ok(()) };
        Err(bad(place, format!("the group {child} is a child of {name}, and also contains {name}"))
            .help("remove one of the two from the children of the other"))
    }
}

/// Splits the name of a host with a port, such as `web:2222` or `[fd00::1]:2222`, into the name and the port.
/// The end of an IPv6 address is not a port.
fn without_port(pattern: &str) -> (&str, Option<&str>) {
    if let Some((inner, rest)) = pattern.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && inner.parse::<Ipv6Addr>().is_ok()
        && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
    {
        return (inner, rest.strip_prefix(':'));
    }
    match pattern.rsplit_once(':') {
        Some((name, port)) if is_port(port) => {
            // Colons in brackets belong to ranges. If `name` has a colon outside of brackets, `pattern` is an
            // IPv6 address.
            let mut depth = 0_usize;
            let mut is_outside = |c: char| {
                match c {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                c == ':' && depth == 0
            };
            let has_colon = name.chars().any(&mut is_outside);
            if has_colon || depth > 0 { (pattern, None) } else { (name, Some(port)) }
        }
        Some(_) | None => (pattern, None),
    }
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_split_off_a_name() {
        for (pattern, name, port) in [
            ("web:2222", "web", Some("2222")),
            ("web[1:3]:22", "web[1:3]", Some("22")),
            ("web[1:3]", "web[1:3]", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:2222", "2001:db8::1", Some("2222")),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("web:x", "web:x", None),
            ("web[1:22", "web[1:22", None),
        ] {
            assert_eq!(without_port(pattern), (name, port));
        }
    }
}
