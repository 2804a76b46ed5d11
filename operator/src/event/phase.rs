//! What is being done, on the machine of the operator and about hosts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Work on the machine of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Nix evaluates the inventory, and of a whole fleet its closures.
    Evaluation,
    /// Nix builds the closures of the hosts, of a part of the fleet after it has evaluated them.
    Build,
}

impl Stage {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluating the inventory",
            Self::Build => "building",
        }
    }
}

/// What is being done about a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The connection is being opened.
    Connecting,
    /// The host says how it stands.
    Looking,
    /// The host says what would change.
    Planning,
    /// Its closure is being copied to it.
    Copying,
    /// Its closure is there; its turn has not come.
    Waiting,
    /// It changes.
    Activating,
    /// Its health is being checked.
    Checking,
    /// It is being reached over a new connection.
    Confirming,
    /// It goes back to an earlier generation.
    RollingBack,
    /// It runs a command.
    Running,
    /// It drops what nobody needs any more.
    Cleaning,
}

impl Phase {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Looking => "looking",
            Self::Planning => "planning",
            Self::Copying => "copying",
            Self::Waiting => "waiting",
            Self::Activating => "activating",
            Self::Checking => "checking",
            Self::Confirming => "confirming",
            Self::RollingBack => "rolling back",
            Self::Running => "running",
            Self::Cleaning => "cleaning up",
        }
    }
}
