//! The assignment of hosts to waves. The same fleet and the same policy always result in the same waves.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::policy::{Amount, Order, Policy};
use nixfleet_contract::problem::{Code, Problem};
use sha2::{Digest, Sha256};

use crate::inventory::{Natural, suggestion};

/// Returns all hosts in the order in which they are started. Hosts are sorted by the rank of their group, and
/// a host without a group has the rank 0. If the policy spreads hosts over a tag prefix such as `rack`, the
/// hosts within a rank are mixed evenly by rack. Hosts that are still equal are sorted by the `order` of the
/// policy.
pub fn sequence(hosts: &[Host], ranks: &BTreeMap<String, usize>, policy: &Policy) -> Vec<String> {
    let rank = |host: &Host| ranks.get(&host.name).copied().unwrap_or(0);
    let value = |host: &Host| policy.spread.as_deref().map(|dimension| value(host, dimension).to_owned());
    let mut sorted: Vec<&Host> = hosts.iter().collect();
    sorted.sort_by_cached_key(|host| (rank(host), value(host), own_key(&host.name, policy.order)));
    let mut sizes: BTreeMap<(usize, Option<String>), usize> = BTreeMap::new();
    for host in &sorted {
        *sizes.entry((rank(host), value(host))).or_default() += 1;
    }
    let mut seen: BTreeMap<(usize, Option<String>), usize> = BTreeMap::new();
    let mut keyed: Vec<_> = sorted
        .into_iter()
        .map(|host| {
            let group = (rank(host), value(host));
            let place = seen.entry(group.clone()).or_default();
            let share = Share { place: *place, of: sizes[&group] };
            *place += 1;
            let turn = if policy.spread.is_some() { share } else { Share { place: 0, of: 1 } };
            ((group.0, turn, own_key(&host.name, policy.order)), host)
        })
        .collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    keyed.into_iter().map(|(_, host)| host.name.clone()).collect()
}

/// The relative position, between 0 and 1, of a host among the hosts of its group: (`place` + ½) / `of`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Share {
    place: usize,
    of: usize,
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        ((2 * self.place + 1) * other.of).cmp(&((2 * other.place + 1) * self.of))
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the value of a host in a dimension: in the dimension `rack`, a host with the tag `rack:a` has the
/// value `a`. Returns the empty string if the host has no such tag.
fn value<'a>(host: &'a Host, dimension: &str) -> &'a str {
    let values = host.tags.iter().filter_map(|tag| tag.split_once(':'));
    values.filter(|(of, _)| *of == dimension).map(|(_, value)| value).next().unwrap_or_default()
}

/// Refuses a dimension (a tag prefix such as `rack`) in which no host of the fleet has a value, since
/// spreading hosts over this dimension would have no effect.
///
/// # Errors
/// Fails if no host has a value in the dimension.
pub fn check_spread(fleet: &Fleet, dimension: &str) -> Result<(), Problem> {
    let tags = fleet.hosts.values().flat_map(|host| &host.tags);
    let known: BTreeSet<&str> = tags.filter_map(|tag| tag.split_once(':')).map(|(of, _)| of).collect();
    if known.contains(dimension) {
        return Ok(());
    }
    Err(Problem::new(Code::Selection, format!("no tag has the dimension `{dimension}`"))
        .at("rollout.spread")
        .because(format!("no host of the fleet has a tag such as {dimension}:a"))
        .help(suggestion("dimension of tags", dimension, &known)))
}

/// Refuses wave amounts that do not increase. Amounts are cumulative, so a wave is empty if the amount of the
/// wave does not exceed the previous amount. The hosts meant for that wave would be in the last wave. How
/// many hosts a percentage amounts to depends on the selection, so counts are compared only with counts, and
/// percentages only with percentages.
///
/// # Errors
/// Fails if the amounts do not increase.
pub fn check_growth(amounts: &[Amount]) -> Result<(), Problem> {
    let (mut counted, mut part) = (0, 0);
    for (place, amount) in amounts.iter().enumerate() {
        let grows = match *amount {
            Amount::Count(count) => std::mem::replace(&mut counted, count) < count,
            Amount::Percent(percent) => std::mem::replace(&mut part, percent) < percent,
        };
        if !grows || place > 0 && amounts[place - 1] == Amount::Percent(100) {
            let shown: Vec<String> = amounts.iter().map(ToString::to_string).collect();
            return Err(Problem::new(Code::Usage, format!("the wave {amount} would have no hosts"))
                .at(format!("rollout.waves: {}", shown.join(",")))
                .because(
                    "each number is the total number of hosts after that wave, so each number must be larger \
                     than the number before it",
                )
                .help(
                    "write increasing numbers: 1,2,3 means three waves of one host each, then all other \
                     hosts",
                ));
        }
    }
    Ok(())
}

/// Returns the sort key of a host among hosts of the same rank and the same relative position ([`Share`]).
fn own_key(name: &str, order: Order) -> (Vec<u8>, Natural) {
    let drawn = match order {
        Order::Name => Vec::new(),
        Order::Shuffled => Sha256::digest(name).to_vec(),
    };
    (drawn, Natural::of(name))
}

/// Divides a sequence of hosts into waves. The canaries come first. Each further wave takes as many hosts as
/// needed to reach the next amount, counted from the very first host. An amount that adds no host creates no
/// wave. The last wave takes all remaining hosts.
pub fn waves(sequence: Vec<String>, canaries: &BTreeSet<String>, amounts: &[Amount]) -> Vec<Vec<String>> {
    let count = sequence.len();
    let (first, rest): (Vec<String>, Vec<String>) =
        sequence.into_iter().partition(|host| canaries.contains(host));
    let mut ends = vec![first.len()];
    ends.extend(amounts.iter().map(|amount| amount.of_rounded_up(count).min(count)));
    ends.push(count);
    let mut hosts = first.into_iter().chain(rest);
    let mut done = 0;
    let mut waves = Vec::new();
    for end in ends {
        let wave: Vec<String> = hosts.by_ref().take(end.saturating_sub(done)).collect();
        done += wave.len();
        if !wave.is_empty() {
            waves.push(wave);
        }
    }
    waves
}
