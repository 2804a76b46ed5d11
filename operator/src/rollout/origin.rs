//! Where a rollout comes from.

use std::collections::BTreeMap;

use nixfleet_contract::notification::Notification;
use serde::{Deserialize, Serialize};

use crate::event::EventKind;

/// The fleet that a rollout was planned for, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutOrigin {
    /// The flake that describes it, as it may be shown.
    pub flake: String,
    /// Its revision in Git, with `-dirty` where the tree had changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Who is told how the rollout goes, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notifications: BTreeMap<String, Notification>,
}

impl RolloutOrigin {
    /// What is told when it is known.
    #[must_use]
    pub fn known(&self) -> EventKind {
        EventKind::FleetKnown { flake: self.flake.clone(), revision: self.revision.clone() }
    }
}
