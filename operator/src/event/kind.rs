//! The events, as they are published.

use jiff::{Timestamp, Unit};
use nixfleet_contract::SCHEMA;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::end::{End, ExcludedHost, HostEnd};
use super::phase::{Phase, Stage};
use crate::event::RolloutId;

/// Something that happened, as `--events` prints it: one JSON object on a line. A reader should skip events
/// and fields that it does not know; a change that would break it raises `schema`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Always 1.
    pub schema: u32,
    /// When it happened, in RFC 3339, to the millisecond.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The rollout that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// Something that happens now.
    #[must_use]
    pub fn now(rollout: Option<RolloutId>, kind: EventKind) -> Self {
        let now = Timestamp::now();
        Self { schema: SCHEMA, time: now.round(Unit::Millisecond).unwrap_or(now), rollout, kind }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum EventKind {
    /// A command began.
    CommandBegan {
        /// Its name; a rollout that it begins has the same.
        id: RolloutId,
        /// The subcommand.
        command: String,
        /// What was typed behind it, but for what may be secret: `…` stands for that.
        arguments: Vec<String>,
        /// Who runs it, `user@machine`.
        operator: String,
    },
    /// A command ended; nothing follows.
    CommandEnded {
        /// The subcommand.
        command: String,
        /// Its exit code.
        exit_code: u8,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Why it came to no host, if it came to none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// Work on the machine of the operator began.
    StageBegan {
        /// Which.
        stage: Stage,
    },
    /// Work on the machine of the operator ended.
    StageEnded {
        /// Which.
        stage: Stage,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Why it failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// It is known which fleet the command is about.
    FleetKnown {
        /// The flake that describes the fleet.
        flake: String,
        /// Its revision in Git, with `-dirty` where the tree has changes; nothing where it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// The user was asked whether to change hosts, and said no. Nothing was changed.
    Declined,
    /// Hosts are about to be changed.
    RolloutBegan {
        /// What is done: `apply` or `rollback`.
        command: String,
        /// Who does it, `user@machine`.
        operator: String,
        /// The flake that describes the fleet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flake: Option<String>,
        /// Its revision in Git when the rollout was planned, with `-dirty` where the tree had changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// Whether it was paused or interrupted before, and goes on now.
        resumed: bool,
        /// By which rules.
        policy: Policy,
        /// The hosts of each wave, in order.
        waves: Vec<Vec<String>>,
        /// Hosts that were selected and are left out.
        #[serde(rename = "leftOut")]
        excluded: Vec<ExcludedHost>,
    },
    /// The hosts of a wave may be changed.
    WaveBegan {
        /// Which, from 1.
        wave: usize,
        /// How many there are.
        of: usize,
        /// Its hosts.
        hosts: Vec<String>,
    },
    /// The hosts of a wave are done, and watched for a while.
    WaveSoaking {
        /// Which, from 1.
        wave: usize,
        /// How long, in seconds.
        seconds: u64,
    },
    /// A wave is over.
    WaveEnded {
        /// Which, from 1.
        wave: usize,
        /// How many there are.
        of: usize,
        /// How many of its hosts failed.
        failed: usize,
    },
    /// Something else is being done about a host.
    HostPhase {
        /// The host.
        host: String,
        /// What.
        phase: Phase,
    },
    /// A host has said what would change on it, or why it cannot.
    HostPlanned {
        /// The host.
        host: String,
        /// How many steps there are; nothing where it has no plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<usize>,
        /// The generation now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current: Option<Generation>,
        /// Why it would not be changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// Nothing more is done about a host.
    HostEnded(HostEnd),
    /// No further host is begun until somebody resumes the rollout.
    RolloutPaused {
        /// Why, in words.
        reason: String,
    },
    /// Hosts that the rollout has changed go back.
    RolloutReturning {
        /// Which hosts.
        hosts: Vec<String>,
    },
    /// The user wants no further host to be begun.
    RolloutInterrupted,
    /// Nothing more happens in a rollout by itself.
    RolloutEnded {
        /// How it ended.
        end: End,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A host said something: `nixfleet run`.
    Output {
        /// The host.
        host: String,
        /// Where it came from.
        stream: Stream,
        /// The line.
        text: String,
    },
    /// Something worth a line.
    Log {
        /// How grave it is.
        level: Level,
        /// The host it is about, if it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The line.
        text: String,
    },
}

/// Which stream a line of a host came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something should be looked at.
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
