//! The step that puts a generation in force.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign};

/// A change of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum ProfileStep {
    /// Switch the profile to the new generation.
    SwitchProfile(SwitchProfile),
}

/// The change from one generation to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchProfile {
    /// Current generation number.
    pub from: Option<u64>,
    /// New generation number.
    pub to: u64,
}

impl ProfileStep {
    /// The step in words, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::SwitchProfile(SwitchProfile { from, to }) => {
                let from = from.map_or_else(|| "none".to_owned(), |number| number.to_string());
                Line::new(Sign::Changes, format!("generation {from} → {to}"))
            }
        }
    }
}
