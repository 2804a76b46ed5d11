//! What a rollout goes by: its rules, its waves, and what its hosts have to mind of each other. All of it
//! follows from the inventory, the selection and the flags alone, so that it can be shown beforehand and kept
//! for later.

use std::collections::BTreeMap;

use nixfleet_contract::fleet::{Fleet, Host, Tag};
use nixfleet_contract::policy::{Canary, Policy};
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::order::{self, HostGroup};
use super::waves;
use crate::inventory;

/// What a rollout goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outline {
    /// Its rules.
    pub policy: Policy,
    /// The hosts of each wave, in the order in which they are begun.
    pub waves: Vec<Vec<String>>,
    /// How many of which hosts may be down at once.
    pub budgets: Vec<Budget>,
    /// Which hosts wait for which others.
    pub groups: Vec<HostGroup>,
}

/// How many hosts with a tag may be down or changing at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// The tag.
    pub tag: String,
    /// How many, at least one.
    pub most: usize,
    /// Those of them that take part.
    pub hosts: Vec<String>,
}

impl Outline {
    /// The outline of a rollout over these hosts of a fleet.
    ///
    /// # Errors
    /// A canary cannot be read or does not exist, no host has a value to spread over, or the order of tags is
    /// a circle.
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

    /// Every host with its wave, in order.
    pub fn hosts(&self) -> impl Iterator<Item = (usize, &str)> {
        let waves = self.waves.iter().enumerate();
        waves.flat_map(|(wave, hosts)| hosts.iter().map(move |host| (wave, host.as_str())))
    }
}

fn budgets(fleet: &Fleet, hosts: &[Host]) -> Vec<Budget> {
    let budget = |(tag, said): (&String, &Tag)| {
        let carries = |host: &&Host| host.tags.contains(tag);
        let hosts: Vec<String> = hosts.iter().filter(carries).map(|host| host.name.clone()).collect();
        // A part is one of all hosts that do the work, whether they were selected or not.
        let all = fleet.hosts.values().filter(carries).count();
        let most = said.max_down?.of_rounded_down(all).max(1);
        (!hosts.is_empty()).then(|| Budget { tag: tag.clone(), most, hosts })
    };
    fleet.tags.iter().filter_map(budget).collect()
}

/// The policy for these hosts: the fleet's, with what it says for tags that every one of them carries, in the
/// order of the tags' names.
#[must_use]
pub fn policy_for(fleet: &Fleet, hosts: &[Host]) -> Policy {
    let tags: &BTreeMap<String, Tag> = &fleet.tags;
    let shared = tags.iter().filter(|(tag, _)| hosts.iter().all(|host| host.tags.contains(tag)));
    let policy = Policy::plain().with(fleet.rollout.clone());
    shared.fold(policy, |policy, (_, tag)| policy.with(tag.rollout.clone()))
}
