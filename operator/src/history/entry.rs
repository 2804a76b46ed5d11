//! A command, as it is recorded.

use jiff::Timestamp;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;
use serde::Serialize;

use super::ProblemLine;
use crate::event::End;
use crate::event::RolloutId;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandEntry {
    /// Its name, and that of the rollout that it began.
    pub id: RolloutId,
    /// The subcommand.
    pub command: String,
    /// What was typed behind it, but for what may be secret.
    pub arguments: Vec<String>,
    /// Who ran it, `user@machine`.
    pub operator: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended, if it did so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Whether it did.
    pub state: CommandState,
    /// Its exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// The flake that describes the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flake: Option<String>,
    /// Its revision in Git, with `-dirty` where the tree had changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The rollout that it began or went on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// How that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Why that stopped before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why the command came to no host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemLine>,
    /// The hosts that it came to, by name.
    pub hosts: Vec<HostEntry>,
}

/// Whether a command came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandState {
    /// It runs.
    Running,
    /// It ended by itself.
    Ended,
    /// Its process is gone, and nothing says how it ended: it was killed, or the machine went down.
    Interrupted,
}

/// What a command did to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostEntry {
    /// The host.
    pub host: String,
    /// How it ended; nothing where that is not known, or where it was only asked what would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How many steps were planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Whether something was begun on it.
    pub begun: bool,
    /// The generation before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
    /// The generation after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Generation>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The exit code of what it ran: `nixfleet run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it did not end well, or why it was excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemLine>,
}

impl HostEntry {
    /// How it stands, in a word or two. `state`: that of its command.
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
