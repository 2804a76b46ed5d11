//! The summary of a rollout for JSON output.

use nixfleet_contract::policy::Policy;
use serde::Serialize;

use crate::event::{End, RolloutId};

/// The summary of a rollout.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutView {
    /// The id of the rollout, or `None` if the rollout is only planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RolloutId>,
    /// The policy of the rollout.
    pub policy: Policy,
    /// The hosts of each wave.
    pub waves: Vec<Vec<String>>,
    /// How the rollout ended, if it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Why the rollout stopped early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether a rollback of the rollout may return a host to an earlier generation.
    #[serde(skip)]
    pub can_go_back: bool,
    /// The errands that this machine does for the first time, one line of text each: programs to run,
    /// messages to send and health checks to try.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_errands: Vec<String>,
}
