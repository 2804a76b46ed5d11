//! How rollouts and hosts end.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// Every wave has had its turn. Hosts may have failed, as many as may.
    Complete,
    /// It was paused, and can be resumed.
    Paused,
    /// The user interrupted it, and it can be resumed.
    Interrupted,
    /// Hosts of the wave went back, and it can be resumed.
    WaveRolledBack,
    /// All hosts that it had changed went back.
    RolledBack,
    /// It stopped before it had changed anything, so that nothing is left to go on with or to take back.
    NothingChanged,
    /// The user was asked whether to begin, and said no.
    Declined,
}

impl End {
    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Complete | Self::RolledBack | Self::NothingChanged | Self::Declined => true,
            Self::Paused | Self::Interrupted | Self::WaveRolledBack => false,
        }
    }

    /// For people.
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
    /// The host.
    pub host: String,
    /// How.
    pub outcome: Outcome,
    /// What is left of a host that is partial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// Why, if it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The generation before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
    /// The generation now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Generation>,
    /// The exit code of what it ran: `nixfleet run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl HostEnd {
    /// Where a change has put the host, if it stands there: the generation before, if there was one, and the
    /// one made. A change may stand although the host failed, for its health checks.
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
}

/// A host that was selected and is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LeftOut")]
pub struct ExcludedHost {
    /// The host.
    pub host: String,
    /// Why, in words.
    pub reason: String,
}
