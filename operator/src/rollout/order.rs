//! The order of groups of hosts, derived from the `before` option of tags in the fleet.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::fleet::{Host, Tag};
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

/// A group of hosts that have the same ordered tags. A tag is ordered if it comes before or after another
/// tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostGroup {
    /// The ordered tags that all hosts of the group have.
    pub tags: BTreeSet<String>,
    /// The names of the hosts.
    pub hosts: Vec<String>,
    /// The indices of the groups that must end before this group starts.
    pub after: Vec<usize>,
}

/// For each tag, all tags that come after it, directly or through other tags.
type Later = BTreeMap<String, BTreeSet<String>>;

/// Returns the groups of these hosts. Hosts without ordered tags belong to no group.
///
/// # Errors
/// Fails if the order of the tags or of the groups contains a cycle.
pub fn groups(tags: &BTreeMap<String, Tag>, hosts: &[Host]) -> Result<Vec<HostGroup>, Problem> {
    let later = later(tags);
    if let Some((tag, _)) = later.iter().find(|(tag, later)| later.contains(*tag)) {
        return Err(circle(&format!("the tag {tag} comes before itself")));
    }
    let ordered: BTreeSet<&String> =
        later.iter().flat_map(|(tag, later)| later.iter().chain([tag])).collect();
    let mut by_tags: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for host in hosts {
        let of_host: BTreeSet<String> =
            host.tags.iter().filter(|tag| ordered.contains(tag)).cloned().collect();
        if !of_host.is_empty() {
            by_tags.entry(of_host).or_default().push(host.name.clone());
        }
    }
    let mut groups: Vec<HostGroup> =
        by_tags.into_iter().map(|(tags, hosts)| HostGroup { tags, hosts, after: Vec::new() }).collect();
    for place in 0..groups.len() {
        groups[place].after = (0..groups.len())
            .filter(|other| comes_before(&later, &groups[*other].tags, &groups[place].tags))
            .collect();
    }
    match levels(&groups).iter().position(Option::is_none) {
        None => Ok(groups),
        Some(stuck) => {
            let hosts = groups[stuck].hosts.join(", ");
            Err(circle(&format!("several orders contradict each other for the hosts {hosts}")))
        }
    }
}

/// Returns the rank of each host: the length of the longest chain of groups that precede the group of the
/// host. Hosts without a group are omitted.
pub fn ranks(groups: &[HostGroup]) -> BTreeMap<String, usize> {
    let of_group = |(group, level): (&HostGroup, Option<usize>)| {
        let level = level.unwrap_or_default();
        group.hosts.iter().map(move |host| (host.clone(), level)).collect::<Vec<_>>()
    };
    groups.iter().zip(levels(groups)).flat_map(of_group).collect()
}

/// Returns, for each group, the length of the longest chain of groups that precede it, or `None` if the group
/// is in a cycle or follows a cycle.
fn levels(groups: &[HostGroup]) -> Vec<Option<usize>> {
    let mut levels: Vec<Option<usize>> = vec![None; groups.len()];
    loop {
        let level = |group: &HostGroup| {
            let before = group.after.iter().map(|other| levels[*other]).collect::<Option<Vec<_>>>()?;
            Some(before.into_iter().max().map_or(0, |level| level + 1))
        };
        let next: Vec<Option<usize>> = groups.iter().map(level).collect();
        if next == levels {
            return levels;
        }
        levels = next;
    }
}

/// Whether a group with the tags `one` comes before a group with the tags `other`. If the tags put each of
/// the two groups before the other, neither group comes first.
fn comes_before(later: &Later, one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
    let any = |before: &BTreeSet<String>, after: &BTreeSet<String>| {
        before.iter().any(|tag| later.get(tag).is_some_and(|later| !later.is_disjoint(after)))
    };
    any(one, other) && !any(other, one)
}

fn later(tags: &BTreeMap<String, Tag>) -> Later {
    let mut later: Later = tags
        .iter()
        .filter(|(_, tag)| !tag.before.is_empty())
        .map(|(name, tag)| (name.clone(), tag.before.iter().cloned().collect()))
        .collect();
    loop {
        let mut grown = later.clone();
        for reached in grown.values_mut() {
            let further: Vec<String> =
                reached.iter().filter_map(|tag| later.get(tag)).flatten().cloned().collect();
            reached.extend(further);
        }
        if grown == later {
            return later;
        }
        later = grown;
    }
}

fn circle(why: &str) -> Problem {
    Problem::new(Code::Selection, "the `before` lists of the tags form a cycle")
        .at("tags.<tag>.before")
        .because(why)
        .help("remove a tag from one of these `before` lists, or remove one of the tags from a host")
}
