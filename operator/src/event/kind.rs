//! The events that a command publishes.

use jiff::{Timestamp, Unit};
use nixfleet_contract::SCHEMA;
use nixfleet_contract::apt::lock::LockHolder;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::end::{End, ExcludedHost, HostEnd};
use super::phase::{Phase, Stage};
use crate::event::RolloutId;

/// Something that happened, as `--events` prints it: one JSON object per line. A reader should ignore unknown
/// events and fields. Incompatible changes increase `schema`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Always 1.
    pub schema: u32,
    /// When the event occurred, in RFC 3339 format with milliseconds.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The rollout to which the event belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// The kind of the event.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// Creates an event that occurs at the current time.
    #[must_use]
    pub fn now(rollout: Option<RolloutId>, kind: EventKind) -> Self {
        let now = Timestamp::now();
        Self { schema: SCHEMA, time: now.round(Unit::Millisecond).unwrap_or(now), rollout, kind }
    }
}

/// The kind of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum EventKind {
    /// A command started.
    CommandBegan {
        /// The id of the command, and of the rollout that it starts.
        id: RolloutId,
        /// The name of the subcommand.
        command: String,
        /// The arguments of the subcommand, in which `…` replaces everything that may be secret.
        arguments: Vec<String>,
        /// The user who runs the command, as `user@machine`.
        operator: String,
    },
    /// A command ended. No event follows.
    CommandEnded {
        /// The name of the subcommand.
        command: String,
        /// The exit code of the command.
        exit_code: u8,
        /// The duration of the command, in milliseconds.
        duration_ms: u64,
        /// Why the command reached no host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// A stage of work on the operator's machine started.
    StageBegan {
        /// The stage.
        stage: Stage,
    },
    /// A stage of work on the operator's machine ended.
    StageEnded {
        /// The stage.
        stage: Stage,
        /// The duration of the stage, in milliseconds.
        duration_ms: u64,
        /// Why the stage failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// The flake that describes the fleet was determined.
    FleetKnown {
        /// The flake that describes the fleet.
        flake: String,
        /// The Git revision of the flake, if there is one, with `-dirty` if the tree has changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// The user was asked whether to change hosts, and declined. Nothing was changed.
    Declined,
    /// A rollout started or was resumed. Hosts are about to be changed.
    RolloutBegan {
        /// The name of the command: `apply` or `rollback`.
        command: String,
        /// The user who runs the command, as `user@machine`.
        operator: String,
        /// The flake that describes the fleet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flake: Option<String>,
        /// The Git revision of the flake when the rollout was planned, with `-dirty` if the tree had changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// Whether the rollout was paused or interrupted before, and is being resumed.
        resumed: bool,
        /// The policy of the rollout.
        policy: Policy,
        /// The hosts of each wave, in order.
        waves: Vec<Vec<String>>,
        /// The selected hosts that are left out.
        #[serde(rename = "leftOut")]
        excluded: Vec<ExcludedHost>,
    },
    /// The hosts of a wave may be changed.
    WaveBegan {
        /// The number of the wave, from 1.
        wave: usize,
        /// The number of waves.
        of: usize,
        /// The hosts of the wave.
        hosts: Vec<String>,
    },
    /// All hosts of a wave have ended, and the soak of the wave starts.
    WaveSoaking {
        /// The number of the wave, from 1.
        wave: usize,
        /// The duration of the soak, in seconds.
        seconds: u64,
    },
    /// A wave ended.
    WaveEnded {
        /// The number of the wave, from 1.
        wave: usize,
        /// The number of waves.
        of: usize,
        /// The number of hosts of the wave that failed.
        failed: usize,
    },
    /// The work on a host entered another phase.
    HostPhase {
        /// The name of the host.
        host: String,
        /// The new phase.
        phase: Phase,
    },
    /// A host waits while another program uses apt or dpkg, or the wait is over.
    HostAwaitsApt {
        /// The name of the host.
        host: String,
        /// The process that holds the lock; missing at the end of the wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<LockHolder>,
    },
    /// A host downloaded new packages whose units its plan could not name. The host is not changed yet.
    HostDownloaded {
        /// The name of the host.
        host: String,
        /// The units that the packages bring. They may start for the first time in this change.
        units: Vec<String>,
    },
    /// A host made its plan, or could not make one.
    HostPlanned {
        /// The name of the host.
        host: String,
        /// The number of steps of the plan, if there is a plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<usize>,
        /// The current generation of the host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current: Option<Generation>,
        /// Why the host would not be changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// The work on a host ended.
    HostEnded(HostEnd),
    /// The rollout paused. No further host is started until the rollout is resumed.
    RolloutPaused {
        /// Why the rollout paused, in words.
        reason: String,
    },
    /// Hosts that the rollout has changed are being rolled back.
    RolloutReturning {
        /// The names of the hosts.
        hosts: Vec<String>,
    },
    /// The user interrupted the rollout. No further host is started.
    RolloutInterrupted,
    /// A rollout ended. Nothing more happens in it unless it is resumed.
    RolloutEnded {
        /// How the rollout ended.
        end: End,
        /// The duration of the rollout, in milliseconds.
        duration_ms: u64,
    },
    /// A command of `nixfleet run` printed a line on a host.
    Output {
        /// The name of the host.
        host: String,
        /// The stream on which the line was printed.
        stream: Stream,
        /// The text of the line.
        text: String,
    },
    /// A message for the user.
    Log {
        /// The severity of the message.
        level: Level,
        /// The host that the message is about, if it is about a single host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The text of the message.
        text: String,
    },
}

/// The stream on which a command printed a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// The message is for information only.
    Info,
    /// The message reports a situation that may need attention.
    Warning,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_the_first_nixfleet_are_read_in_full() {
        for line in include_str!("../../tests/fixtures/schema-1/events.jsonl").lines() {
            let event: Event = serde_json::from_str(line).unwrap();
            let old: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_value(&event).unwrap(), old);
        }
    }
}
