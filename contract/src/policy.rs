//! Rollout policies: the waves, the number of hosts that change at once, and the reaction to failures.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::values::word;

/// A rollout policy with a value for every option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// For each wave, the number of hosts in this wave and all earlier waves together. The last wave contains
    /// all remaining hosts.
    pub waves: Vec<Amount>,
    /// The hosts that change first, in a separate wave.
    pub canary: Canary,
    /// How long the changed hosts of a wave are watched before the next wave starts, in seconds.
    pub soak: u64,
    /// Maximum number of hosts that change at once.
    pub max_parallel: NonZeroUsize,
    /// The number of failed hosts that a rollout tolerates.
    pub max_failures: Amount,
    /// The order of hosts for which no other rule sets an order.
    pub order: Order,
    /// The reaction if more hosts fail than [`Policy::max_failures`] allows.
    pub on_failure: OnFailure,
    /// A dimension of tags, such as `rack` for the tags `rack:a` and `rack:b`. The hosts with each of these
    /// tags are spread evenly over the waves.
    pub spread: Option<String>,
    /// The treatment of a host that does not answer.
    pub unreachable: Unreachable,
}

/// A rollout policy in which options may be unset. [`Policy::with`] replaces the values in another policy
/// with the options that are set here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyOptions {
    /// See [`Policy::waves`].
    pub waves: Option<Vec<Amount>>,
    /// See [`Policy::canary`].
    pub canary: Option<Canary>,
    /// See [`Policy::soak`].
    pub soak: Option<u64>,
    /// See [`Policy::max_parallel`].
    pub max_parallel: Option<NonZeroUsize>,
    /// See [`Policy::max_failures`].
    pub max_failures: Option<Amount>,
    /// See [`Policy::order`].
    pub order: Option<Order>,
    /// See [`Policy::on_failure`].
    pub on_failure: Option<OnFailure>,
    /// See [`Policy::spread`].
    #[serde(deserialize_with = "word::dimension")]
    pub spread: Option<String>,
    /// See [`Policy::unreachable`].
    pub unreachable: Option<Unreachable>,
}

impl Policy {
    /// Default value of [`Policy::max_parallel`].
    pub const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

    /// Returns the policy of a fleet that sets no option: all hosts are in one wave, and no further host is
    /// started after the first failure.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            waves: Vec::new(),
            canary: Canary::First(0),
            soak: 0,
            max_parallel: Self::PARALLEL,
            max_failures: Amount::Count(0),
            order: Order::Name,
            on_failure: OnFailure::Pause,
            spread: None,
            unreachable: Unreachable::Skip,
        }
    }

    /// Returns this policy with the values of `options` in place of its own, for all options that are set.
    #[must_use]
    pub fn with(self, options: PolicyOptions) -> Self {
        Self {
            waves: options.waves.unwrap_or(self.waves),
            canary: options.canary.unwrap_or(self.canary),
            soak: options.soak.unwrap_or(self.soak),
            max_parallel: options.max_parallel.unwrap_or(self.max_parallel),
            max_failures: options.max_failures.unwrap_or(self.max_failures),
            order: options.order.unwrap_or(self.order),
            on_failure: options.on_failure.unwrap_or(self.on_failure),
            spread: options.spread.or(self.spread),
            unreachable: options.unreachable.unwrap_or(self.unreachable),
        }
    }
}

/// A number of hosts such as `3`, or a percentage of all hosts such as `10%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "AmountText"))]
#[serde(try_from = "AmountText", into = "AmountText")]
pub enum Amount {
    /// This many hosts.
    Count(usize),
    /// A percentage, from 0 to 100.
    Percent(u8),
}

impl Amount {
    /// Returns this amount as a number of hosts, out of a total of `hosts`. A percentage is rounded up, so
    /// that 10 % of 11 are 2.
    #[must_use]
    pub const fn of_rounded_up(self, hosts: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (hosts * percent as usize).div_ceil(100),
        }
    }

    /// Returns this amount as a number of hosts, out of a total of `hosts`. A percentage is rounded down, so
    /// that 10 % of 11 are 1.
    #[must_use]
    pub const fn of_rounded_down(self, hosts: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => hosts * percent as usize / 100,
        }
    }
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let amount = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        };
        amount.ok_or_else(|| format!("`{text}` is neither a number of hosts nor a percentage such as 10%"))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// An [`Amount`] in JSON: a number such as `3`, or a string with a percent sign such as `"10%"`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Amount"))]
#[serde(untagged)]
enum AmountText {
    Number(usize),
    Text(String),
}

impl TryFrom<AmountText> for Amount {
    type Error = String;

    fn try_from(written: AmountText) -> Result<Self, Self::Error> {
        match written {
            AmountText::Number(count) => Ok(Self::Count(count)),
            AmountText::Text(text) => text.parse(),
        }
    }
}

impl From<Amount> for AmountText {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Count(count) => Self::Number(count),
            Amount::Percent(_) => Self::Text(amount.to_string()),
        }
    }
}

/// The hosts that change first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Canary {
    /// This many hosts, the first in the order of the rollout; no canary if 0.
    First(usize),
    /// The hosts that any of these expressions selects, such as `@canary` or `web-1`.
    Chosen(Vec<String>),
}

/// The order of hosts in a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Alphabetical order of names, in which numbers are compared by value.
    Name,
    /// An order that looks random but is the same in each rollout.
    Shuffled,
}

/// The reaction when too many hosts have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// No further host is started. Hosts that have changed stay changed.
    Pause,
    /// The changed hosts of the current wave are rolled back, and no further host is started.
    RollbackWave,
    /// All changed hosts are rolled back, and no further host is started.
    RollbackAll,
}

/// The treatment of a host that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// The host is skipped, and the rollout continues.
    Skip,
    /// The host counts as failed.
    Fail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_reads_back_as_it_was_written() {
        for (json, amount) in [("3", Amount::Count(3)), ("\"10%\"", Amount::Percent(10))] {
            assert_eq!(serde_json::from_str::<Amount>(json).unwrap(), amount);
            assert_eq!(serde_json::to_string(&amount).unwrap(), json);
        }
        for bad in ["\"101%\"", "\"-1\"", "\"%\"", "\"ten\"", "-1"] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_is_rounded_either_way() {
        let tenth = Amount::Percent(10);
        assert_eq!([1, 10, 11, 5000].map(|hosts| tenth.of_rounded_up(hosts)), [1, 1, 2, 500]);
        assert_eq!([1, 10, 11, 5000].map(|hosts| tenth.of_rounded_down(hosts)), [0, 1, 1, 500]);
    }

    #[test]
    fn a_policy_is_the_plain_one_but_for_what_is_said() {
        let said =
            r#"{ "waves": [1, "50%"], "canary": ["@canary"], "onFailure": "rollback-wave", "soak": null }"#;
        let policy = Policy::plain().with(serde_json::from_str(said).unwrap());
        let expected = Policy {
            waves: vec![Amount::Count(1), Amount::Percent(50)],
            canary: Canary::Chosen(vec!["@canary".to_owned()]),
            on_failure: OnFailure::RollbackWave,
            ..Policy::plain()
        };
        assert_eq!(policy, expected);
        let two = serde_json::from_str(r#"{ "canary": 2 }"#).unwrap();
        assert_eq!(policy.with(two).canary, Canary::First(2));
    }
}
