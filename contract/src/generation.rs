//! Generations of a host, with their creators.

use serde::{Deserialize, Serialize};

/// A generation of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// The number of the generation, starting at 1.
    pub number: u64,
    /// The store path of the closure of the generation.
    pub closure: String,
}

/// A generation with its creation time and creator, as `status` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationInfo {
    /// The number and the closure of the generation.
    #[serde(flatten)]
    pub generation: Generation,
    /// The time at which the generation was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// The creator and the source revision of the generation.
    #[serde(flatten)]
    pub made: Made,
    /// Whether another tool, such as `nixos-rebuild`, made the generation. The closure of such a generation
    /// is a NixOS system.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
}

/// The creator and the source revision of a generation. Both are `None` if an older `NixFleet` made the
/// generation, since older versions did not record them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The creator, as `user@machine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The revision of the flake in Git, with `-dirty` if there were uncommitted changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}
