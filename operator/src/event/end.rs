//! The ways in which rollouts and hosts end.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// Every wave had its turn. Some hosts may have failed, but not more than allowed.
    Complete,
    /// The rollout was paused, and can be resumed.
    Paused,
    /// The user interrupted the rollout, which can be resumed.
    Interrupted,
    /// The hosts of the current wave were rolled back. The rollout can be resumed.
    WaveRolledBack,
    /// All hosts that the rollout had changed were rolled back.
    RolledBack,
    /// The rollout stopped before it changed anything, so there is nothing to resume or to roll back.
    NothingChanged,
    /// The user was asked for confirmation, and declined.
    Declined,
}

impl End {
    /// Whether the rollout has nothing left to do, and therefore cannot be resumed.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Complete | Self::RolledBack | Self::NothingChanged | Self::Declined => true,
            Self::Paused | Self::Interrupted | Self::WaveRolledBack => false,
        }
    }

    /// Returns the end in words, for the user.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
            Self::WaveRolledBack => "paused, its last wave rolled back",
            Self::RolledBack => "rolled back",
            Self::NothingChanged => "stopped, nothing was changed",
            Self::Declined => "declined",
        }
    }
}

/// How a host ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostEnd {
    /// The name of the host.
    pub host: String,
    /// The outcome of the host.
    pub outcome: Outcome,
    /// What is left to do on a partial host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// Why the host did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The generation before the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
    /// The generation after the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Generation>,
    /// The exit code of the command that `nixfleet run` ran on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The duration of the work on the host, in milliseconds.
    pub duration_ms: u64,
}

impl HostEnd {
    /// Returns the generations before and after the change of the host, or `None` if the host does not have
    /// the generation that the change made. A failed host may still have that generation, for example if only
    /// its health checks failed. There may be no generation before the change.
    #[must_use]
    pub fn made(&self) -> Option<(Option<Generation>, Generation)> {
        let (before, after) = (self.before.as_ref(), self.after.as_ref()?);
        let is_newer = before.is_none_or(|before| before.number < after.number);
        let stands = match self.outcome {
            Outcome::RolledBack => false,
            outcome => outcome.has_changed() || is_newer,
        };
        stands.then(|| (before.cloned(), after.clone()))
    }

    /// Whether the host may have a generation to which an undo of the command would return it. This is not
    /// the case if the host has not changed, or if the change made its first generation. A host that was lost
    /// during its change may have changed.
    #[must_use]
    pub fn can_go_back(&self) -> bool {
        let is_lost = self.before.is_some() && self.after.is_none();
        is_lost || self.made().is_some_and(|(before, _)| before.is_some())
    }
}

/// A selected host that does not take part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LeftOut")]
pub struct ExcludedHost {
    /// The name of the host.
    pub host: String,
    /// Why the host is left out, in words.
    pub reason: String,
}
