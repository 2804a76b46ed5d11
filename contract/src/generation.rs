//! A generation of a host, and who made it.

use serde::{Deserialize, Serialize};

/// A generation of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// Its closure.
    pub closure: String,
}

/// A generation as `status` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationInfo {
    /// Number and closure.
    #[serde(flatten)]
    pub generation: Generation,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// Its creator and source revision.
    #[serde(flatten)]
    pub made: Made,
}

/// The creator and source of a generation, if known: an older `NixFleet` did not record them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The person, `user@machine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The revision of the flake in Git, with `-dirty` where the tree had changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}
