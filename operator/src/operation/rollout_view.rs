//! A rollout, for documents.

use nixfleet_contract::policy::Policy;
use serde::Serialize;

use crate::event::{End, RolloutId};

/// What a command has to say of a rollout.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutView {
    /// Its name; a plan has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RolloutId>,
    /// Its rules.
    pub policy: Policy,
    /// The hosts of each wave.
    pub waves: Vec<Vec<String>>,
    /// How it ended, if it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Why it stopped, if it did before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the fleet has this machine do that it did not do before: programs, messages, health checks from
    /// here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_errands: Vec<String>,
}
