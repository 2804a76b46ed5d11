//! The step that puts a generation in force by switching the profile to this generation.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign};

/// A step that changes the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum ProfileStep {
    /// Switch the profile to the new generation.
    SwitchProfile(SwitchProfile),
}

/// The details of [`ProfileStep::SwitchProfile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchProfile {
    /// Number of the current generation, if any.
    pub from: Option<u64>,
    /// Number of the new generation.
    pub to: u64,
}

impl ProfileStep {
    /// Describes the step in one line, for people.
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
