//! The values with which a request overrides the rollout policy of the fleet.

use nixfleet_contract::policy::{Amount, Canary, Policy, PolicyOptions};
use serde::{Deserialize, Serialize};

/// A strategy for a rollout, in place of the waves of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// First the canaries of the fleet, or one host if the fleet has no canaries, and then all other hosts.
    Canary,
    /// The waves of the fleet, or waves of a quarter of the hosts each if the fleet defines no waves.
    Rolling,
    /// All hosts in one wave, without a soak.
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

/// The values with which a request overrides the rollout policy of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRequest {
    /// The strategy that replaces the waves of the fleet.
    pub strategy: Option<Strategy>,
    /// The values of individual policy options. These values take precedence over `strategy`.
    pub options: PolicyOptions,
}

impl PolicyRequest {
    /// Returns the policy with the overrides applied.
    #[must_use]
    pub fn of(&self, policy: Policy) -> Policy {
        let policy = match self.strategy {
            Some(strategy) => strategy.of(policy),
            None => policy,
        };
        policy.with(self.options.clone())
    }

    /// Returns the policy of a planned rollout with the overrides applied, except overrides that would change
    /// the waves or the order of the hosts.
    #[must_use]
    pub fn of_planned(&self, policy: Policy) -> Policy {
        let PolicyOptions { soak, max_failures, on_failure, unreachable, .. } = self.options;
        policy.with(PolicyOptions { soak, max_failures, on_failure, unreachable, ..PolicyOptions::default() })
    }
}
