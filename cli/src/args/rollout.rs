//! Arguments that override the rollout policy of the inventory.

use clap::ValueEnum;
use nixfleet_contract::policy::{Amount, Canary, OnFailure, PolicyOptions, Unreachable};
use nixfleet_operator::operation::policy_request::{PolicyRequest, Strategy};

/// Arguments that override the rollout policy.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Rollout")]
pub struct RolloutArgs {
    #[command(flatten)]
    pub waves: WaveArgs,

    #[command(flatten)]
    pub run: RunningArgs,
}

/// Arguments that assign hosts to waves. They cannot be changed after a rollout is planned.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Rollout")]
pub struct WaveArgs {
    /// Use a strategy instead of the waves of the inventory: canary, rolling or all-at-once
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<StrategyArg>,

    /// Set the total number of changed hosts after each wave, such as 1,10%,50%; the last wave takes the rest
    #[arg(long, value_name = "AMOUNT", value_delimiter = ',')]
    pub wave: Vec<Amount>,

    /// Change these hosts first: an expression as for --on, or a number of hosts
    #[arg(long, value_name = "EXPRESSION|N")]
    pub canary: Vec<String>,
}

/// Arguments for pauses and failures. They can be changed when a rollout is resumed.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Rollout")]
pub struct RunningArgs {
    /// Watch each wave that changed something for this long before the next wave starts, such as 90s, 5m or
    /// 1h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub soak: Option<u64>,

    /// Tolerate this many failed hosts, or a percentage such as 5%; if more fail, no further host is started
    #[arg(long, value_name = "AMOUNT")]
    pub max_failures: Option<Amount>,

    /// Set what happens if more hosts fail than --max-failures allows: pause, rollback-wave or rollback-all
    #[arg(long, value_name = "WHAT", value_parser = word::<OnFailure>)]
    pub on_failure: Option<OnFailure>,

    /// Set how hosts that do not answer count: as skipped (skip) or as failed (fail)
    #[arg(long, value_name = "skip|fail", value_parser = word::<Unreachable>)]
    pub unreachable: Option<Unreachable>,
}

/// The strategies of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StrategyArg {
    /// First the canaries of the inventory, or one host; then all others.
    Canary,
    /// The waves of the inventory, or a quarter of the hosts at a time.
    Rolling,
    /// All hosts in one wave, without soak.
    AllAtOnce,
}

impl From<StrategyArg> for Strategy {
    fn from(strategy: StrategyArg) -> Self {
        match strategy {
            StrategyArg::Canary => Self::Canary,
            StrategyArg::Rolling => Self::Rolling,
            StrategyArg::AllAtOnce => Self::AllAtOnce,
        }
    }
}

impl RolloutArgs {
    /// Returns the changes to the rollout policy that these arguments request.
    pub fn request(&self) -> PolicyRequest {
        let WaveArgs { strategy, wave, canary } = &self.waves;
        let canary = match canary.as_slice() {
            [] => None,
            [count] if count.parse::<usize>().is_ok() => count.parse().ok().map(Canary::First),
            expressions => Some(Canary::Chosen(expressions.to_vec())),
        };
        let RunningArgs { soak, max_failures, on_failure, unreachable } = self.run;
        let options = PolicyOptions {
            waves: (!wave.is_empty()).then(|| wave.clone()),
            canary,
            soak,
            max_failures,
            on_failure,
            unreachable,
            ..PolicyOptions::default()
        };
        PolicyRequest { strategy: strategy.map(Strategy::from), options }
    }
}

/// Parses a duration in the notation of the inventory, such as `5m`, into seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(split);
    let unit = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86400),
        _ => None,
    };
    let seconds = unit.zip(count.parse::<u64>().ok()).and_then(|(unit, count)| count.checked_mul(unit));
    seconds
        .filter(|seconds| *seconds <= 30 * 86400)
        .ok_or_else(|| "expected a time up to 30d such as 90s, 5m, 1h or a number of seconds".to_owned())
}

/// Parses a value of an enum by its name in the inventory.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use nixfleet_contract::policy::Policy;

    use super::*;

    #[derive(Parser)]
    struct RolloutCommand {
        #[command(flatten)]
        rollout: RolloutArgs,
    }

    fn policy(line: &str, fleet: Policy) -> Policy {
        RolloutCommand::try_parse_from(line.split(' ')).unwrap().rollout.request().of(fleet)
    }

    #[test]
    fn flags_have_the_last_word_on_the_policy() {
        let policy = policy(
            "x --wave 1,10% --wave 50% --canary 2 --soak 5m --max-failures 5% --on-failure rollback-all --unreachable fail",
            Policy::plain(),
        );
        let expected = Policy {
            waves: vec![Amount::Count(1), Amount::Percent(10), Amount::Percent(50)],
            canary: Canary::First(2),
            soak: 300,
            max_failures: Amount::Percent(5),
            on_failure: OnFailure::RollbackAll,
            unreachable: Unreachable::Fail,
            ..Policy::plain()
        };
        assert_eq!(policy, expected);
    }

    #[test]
    fn a_strategy_takes_what_it_can_from_the_fleet() {
        let fleet = Policy {
            waves: vec![Amount::Count(1)],
            canary: Canary::Chosen(vec!["@canary".to_owned()]),
            soak: 60,
            ..Policy::plain()
        };
        let canary = policy("x --strategy canary", fleet.clone());
        assert_eq!((canary.waves.len(), canary.canary), (0, fleet.canary.clone()));
        assert_eq!(policy("x --strategy canary", Policy::plain()).canary, Canary::First(1));
        assert_eq!(policy("x --strategy rolling", fleet.clone()).waves, fleet.waves);
        assert_eq!(policy("x --strategy rolling", Policy::plain()).waves.len(), 3);
        assert_eq!(policy("x --strategy all-at-once", fleet), Policy::plain());
        let chosen = policy("x --canary @db --canary web-1", Policy::plain()).canary;
        assert_eq!(chosen, Canary::Chosen(vec!["@db".to_owned(), "web-1".to_owned()]));
        // An empty value, for example from an unset shell variable, does not mean that there are no canaries.
        // It is an expression that is refused when hosts are selected.
        assert_eq!(policy("x --canary=", Policy::plain()).canary, Canary::Chosen(vec![String::new()]));
    }

    #[test]
    fn a_flag_that_means_nothing_is_refused() {
        for line in [
            "x --wave 101%",
            "x --soak 5w",
            "x --soak -1",
            "x --on-failure explode",
            "x --unreachable ignore",
        ] {
            assert!(RolloutCommand::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
