//! How a request wants the policy of the fleet changed.

use nixfleet_contract::policy::{Amount, Canary, Policy, PolicyOptions};
use serde::{Deserialize, Serialize};

/// Ways to go about a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The fleet's canaries first, or one host; then all others.
    Canary,
    /// The fleet's waves, or a quarter after the other.
    Rolling,
    /// All in one wave, and no soak.
    AllAtOnce,
}

impl Strategy {
    fn of(self, policy: Policy) -> Policy {
        let quarters = || [25, 50, 75].map(Amount::Percent).to_vec();
        match self {
            Self::Canary => {
                let canary = if policy.canary == Canary::First(0) { Canary::First(1) } else { policy.canary };
                Policy { canary, waves: Vec::new(), ..policy }
            }
            Self::Rolling => {
                let waves = if policy.waves.is_empty() { quarters() } else { policy.waves };
                Policy { canary: Canary::First(0), waves, ..policy }
            }
            Self::AllAtOnce => Policy { canary: Canary::First(0), waves: Vec::new(), soak: 0, ..policy },
        }
    }
}

/// What of the fleet's policy is overridden.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRequest {
    /// A way to go about it, in place of the waves that the fleet has.
    pub strategy: Option<Strategy>,
    /// Single options; they have the last word.
    pub options: PolicyOptions,
}

impl PolicyRequest {
    /// The policy, where the request says nothing else.
    #[must_use]
    pub fn of(&self, policy: Policy) -> Policy {
        let policy = match self.strategy {
            Some(strategy) => strategy.of(policy),
            None => policy,
        };
        policy.with(self.options.clone())
    }

    /// The policy of a rollout that is already planned: which host is when stays as it is.
    #[must_use]
    pub fn of_planned(&self, policy: Policy) -> Policy {
        let PolicyOptions { soak, max_failures, on_failure, unreachable, .. } = self.options;
        policy.with(PolicyOptions { soak, max_failures, on_failure, unreachable, ..PolicyOptions::default() })
    }
}
