//! The origin of a rollout: the fleet for which the rollout was planned.

use std::collections::BTreeMap;

use nixfleet_contract::notification::Notification;
use serde::{Deserialize, Serialize};

use crate::event::EventKind;

/// The fleet for which a rollout was planned, as it was at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutOrigin {
    /// The flake that describes the fleet, without secrets.
    pub flake: String,
    /// The Git revision of the flake, with `-dirty` if the tree had changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The notifications to send about the rollout, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notifications: BTreeMap<String, Notification>,
}

impl RolloutOrigin {
    /// Returns the event that reports the origin.
    #[must_use]
    pub fn known(&self) -> EventKind {
        EventKind::FleetKnown { flake: self.flake.clone(), revision: self.revision.clone() }
    }
}
