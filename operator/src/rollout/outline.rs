//! The outline of a rollout: its rules, its waves, and the constraints between its hosts. The outline depends
//! only on the inventory, the selection and the flags, so it can be shown before the rollout starts, and
//! stored for a later rollout.

use std::collections::BTreeMap;

use nixfleet_contract::fleet::{Fleet, Host, Tag};
use nixfleet_contract::policy::{Canary, Policy};
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::order::{self, HostGroup};
use super::waves;
use crate::inventory;

/// The rules and waves of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outline {
    /// The policy of the rollout.
    pub policy: Policy,
    /// The hosts of each wave, in the order in which they are started.
    pub waves: Vec<Vec<String>>,
    /// The limits on how many hosts with a tag may be down at once.
    pub budgets: Vec<Budget>,
    /// The groups of hosts, each with the groups that it waits for.
    pub groups: Vec<HostGroup>,
}

/// The limit on how many hosts with a tag may be down or changing at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// The name of the tag.
    pub tag: String,
    /// The maximum number of hosts with the tag that may be down or changing at once. It is at least 1.
    pub most: usize,
    /// The hosts of the rollout that have the tag.
    pub hosts: Vec<String>,
}

impl Outline {
    /// Creates the outline of a rollout over these hosts of a fleet.
    ///
    /// # Errors
    /// Fails if a canary expression is malformed or selects no host, if the policy spreads hosts over a tag
    /// prefix such as `rack` that no host has, or if the order of tags contains a cycle.
    pub fn of(fleet: &Fleet, hosts: &[Host], policy: Policy) -> Result<Self, Problem> {
        if let Some(dimension) = &policy.spread {
            waves::check_spread(fleet, dimension)?;
        }
        let groups = order::groups(&fleet.tags, hosts)?;
        let ranks = order::ranks(&groups);
        let sequence = waves::sequence(hosts, &ranks, &policy);
        let canaries = match &policy.canary {
            Canary::First(count) => sequence.iter().take(*count).cloned().collect(),
            Canary::Chosen(expressions) => inventory::matching(fleet, expressions, hosts)
                .map_err(|problem| problem.at(format!("rollout.canary: {}", expressions.join(", "))))?,
        };
        let waves = waves::waves(sequence, &canaries, &policy.waves);
        Ok(Self { policy, waves, budgets: budgets(fleet, hosts), groups })
    }

    /// Returns every host with the index of its wave, in the order of the waves.
    pub fn hosts(&self) -> impl Iterator<Item = (usize, &str)> {
        let waves = self.waves.iter().enumerate();
        waves.flat_map(|(wave, hosts)| hosts.iter().map(move |host| (wave, host.as_str())))
    }
}

fn budgets(fleet: &Fleet, hosts: &[Host]) -> Vec<Budget> {
    let budget = |(tag, said): (&String, &Tag)| {
        let carries = |host: &&Host| host.tags.contains(tag);
        let hosts: Vec<String> = hosts.iter().filter(carries).map(|host| host.name.clone()).collect();
        // A percentage refers to all hosts with the tag, selected or not, since all of them share the same
        // work.
        let all = fleet.hosts.values().filter(carries).count();
        let most = said.max_down?.of_rounded_down(all).max(1);
        (!hosts.is_empty()).then(|| Budget { tag: tag.clone(), most, hosts })
    };
    fleet.tags.iter().filter_map(budget).collect()
}

/// Returns the policy for these hosts: the policy of the fleet, overridden by the policy of each tag that all
/// these hosts have, in alphabetical order of the tags.
#[must_use]
pub fn policy_for(fleet: &Fleet, hosts: &[Host]) -> Policy {
    let tags: &BTreeMap<String, Tag> = &fleet.tags;
    let shared = tags.iter().filter(|(tag, _)| hosts.iter().all(|host| host.tags.contains(tag)));
    let policy = Policy::plain().with(fleet.rollout.clone());
    shared.fold(policy, |policy, (_, tag)| policy.with(tag.rollout.clone()))
}
