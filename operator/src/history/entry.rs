//! A command in the history.

use jiff::Timestamp;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;
use serde::Serialize;

use super::ProblemLine;
use crate::event::End;
use crate::event::RolloutId;

/// A command in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandEntry {
    /// The id of the command, and of the rollout that it started.
    pub id: RolloutId,
    /// The name of the subcommand.
    pub command: String,
    /// The arguments of the subcommand, without those that may be secret.
    pub arguments: Vec<String>,
    /// The user who ran the command, as `user@machine`.
    pub operator: String,
    /// When the command started.
    pub began: Timestamp,
    /// When the command ended. Absent if the command is still running, or if it was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Whether the command is running, has ended or was interrupted.
    pub state: CommandState,
    /// The exit code of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// The flake that describes the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flake: Option<String>,
    /// The Git revision of the flake, with `-dirty` if the tree had changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The rollout that the command started or resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// How the rollout ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Why the rollout stopped early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The problem that ended the command before it reached any host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemLine>,
    /// The hosts that the command worked on, by name.
    pub hosts: Vec<HostEntry>,
}

/// Whether a command is running, has ended or was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandState {
    /// The command is running.
    Running,
    /// The command has ended, with or without success.
    Ended,
    /// The process of the command no longer runs, but the end of the command was not recorded, because the
    /// process was killed or the machine went down.
    Interrupted,
}

/// The record of a command's work on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostEntry {
    /// The name of the host.
    pub host: String,
    /// The outcome of the command on the host, or `None` if the outcome is unknown or the host was only
    /// queried for a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The number of planned steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Whether a change, or the command of `nixfleet run`, was started on the host.
    pub begun: bool,
    /// The generation of the host before the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
    /// The generation of the host after the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Generation>,
    /// The duration of the work on the host, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The exit code of the command that `nixfleet run` ran on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why the command did not succeed on the host, or why the host was excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemLine>,
}

impl HostEntry {
    /// Returns the state of the host in one or two words. `state` is the state of the command that worked on
    /// the host.
    #[must_use]
    pub fn word(&self, state: CommandState) -> &'static str {
        match (self.outcome, self.begun, state) {
            (Some(outcome), ..) => outcome.as_str(),
            (None, true, CommandState::Running) => "changing",
            (None, true, _) => "unknown",
            (None, false, _) => "to change",
        }
    }
}
