//! The stages of work on the operator's machine, and the phases of work on a host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stage of work on the operator's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Nix evaluates the inventory and, if all hosts are to be built, their closures, except those of `NixOS`
    /// hosts.
    Evaluation,
    /// Nix builds the closures of the hosts. In this stage, Nix also evaluates the closures that it has not
    /// evaluated together with the inventory.
    Build,
}

impl Stage {
    /// Returns the stage in words, for the user.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluating the inventory",
            Self::Build => "building",
        }
    }
}

/// A phase of work on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nix evaluates the closure of the host.
    Evaluating,
    /// Nix builds the closure of the host.
    Building,
    /// A connection to the host is being opened.
    Connecting,
    /// The host is being queried for its state.
    Looking,
    /// The host is making its plan.
    Planning,
    /// The closure is being copied to the host.
    Copying,
    /// apt downloads packages to the host.
    Downloading,
    /// The closure has been copied, and the host waits for its turn.
    Waiting,
    /// The host is being changed.
    Activating,
    /// The host is installing updates of its operating system.
    Updating,
    /// The host waits until fewer other hosts are being rebooted.
    AwaitingTurn,
    /// The host is shutting down, or boots.
    Rebooting,
    /// The health checks of the host are being tried.
    Checking,
    /// The change is being confirmed over a new connection to the host.
    Confirming,
    /// The host is recovering from an interrupted run.
    Recovering,
    /// The host is being rolled back to an earlier generation.
    RollingBack,
    /// The host is running a command of the user.
    Running,
    /// The host is being prepared by a bootstrap.
    Preparing,
    /// NixFleet's own records are being removed from the host, which leaves the management.
    Forgetting,
    /// The host is dropping generations or backups that are not needed.
    Cleaning,
}

impl Phase {
    /// Returns the phase in words, for the user.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluating => "evaluating",
            Self::Building => "building",
            Self::Connecting => "connecting",
            Self::Looking => "looking",
            Self::Planning => "planning",
            Self::Copying => "copying",
            Self::Downloading => "downloading packages",
            Self::Waiting => "waiting",
            Self::Activating => "activating",
            Self::Updating => "installing updates",
            Self::AwaitingTurn => "waiting for its turn",
            Self::Rebooting => "rebooting",
            Self::Checking => "checking",
            Self::Confirming => "confirming",
            Self::Recovering => "recovering",
            Self::RollingBack => "rolling back",
            Self::Running => "running",
            Self::Preparing => "preparing",
            Self::Forgetting => "forgetting",
            Self::Cleaning => "cleaning up",
        }
    }
}
