//! The messages about a rollout, created from its events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use nixfleet_contract::SCHEMA;
use nixfleet_contract::notification::Moment;
use nixfleet_contract::outcome::Outcome;
use serde::Serialize;

use crate::event::RolloutId;
use crate::event::{End, Event, EventKind, HostEnd};
use crate::history::ProblemLine;
use crate::inventory::Natural;

/// The maximum number of failed hosts that a message names.
const NAMED: usize = 20;

/// A message about a rollout, which webhooks and commands receive as a JSON document. It contains no secrets:
/// of each problem, it includes only the parts that the history records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The version of the format, which is always [`SCHEMA`].
    pub schema: u32,
    /// The moment of the rollout that the message is about, such as the start of the rollout.
    pub event: Moment,
    /// When the moment occurred.
    pub time: Timestamp,
    /// The id of the rollout.
    pub rollout: RolloutId,
    /// The name of the command: `apply` or `rollback`.
    pub command: String,
    /// The user who runs the command, as `user@machine`.
    pub operator: String,
    /// The flake that describes the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flake: Option<String>,
    /// The Git revision of the flake, with `-dirty` if the tree had changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Whether the rollout was paused or interrupted before, and is being resumed.
    pub resumed: bool,
    /// The number of hosts that take part.
    pub hosts: usize,
    /// The number of waves.
    pub waves: usize,
    /// The number of hosts with each outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// The hosts that did not succeed, up to a limit.
    pub failed: Vec<Failed>,
    /// Why the rollout stopped early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the rollout ended, if it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// The duration of the rollout, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The commands that the user may want to run next.
    pub next: Vec<String>,
}

/// A host that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The name of the host.
    pub host: String,
    /// The outcome of the host.
    pub outcome: Outcome,
    /// The problem, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemLine>,
}

/// A message, and the moments that it is about. A recipient that is notified of several of these moments
/// receives the message only once.
pub type MomentsMessage = (BTreeSet<Moment>, Message);

/// The state of a rollout, as known from its events.
#[derive(Debug, Default)]
pub struct Story {
    message: Option<Message>,
    ends: BTreeMap<String, (Outcome, Option<ProblemLine>)>,
    /// The hosts that a rollback of the rollout may return to an earlier generation.
    can_go_back: BTreeSet<String>,
}

impl Story {
    /// Updates the state with an event of the rollout, and returns the message to send, if there is one.
    pub fn hear(&mut self, event: &Event) -> Option<MomentsMessage> {
        match &event.kind {
            EventKind::RolloutBegan { .. } => {
                self.message = begun(event);
                self.message.clone().map(|message| ([Moment::Start].into(), message))
            }
            EventKind::HostEnded(ended @ HostEnd { host, outcome, problem, .. }) => {
                if ended.can_go_back() {
                    self.can_go_back.insert(host.clone());
                } else if *outcome == Outcome::RolledBack {
                    self.can_go_back.remove(host);
                }
                let line = problem.as_ref().map(|problem| ProblemLine::of(problem, false));
                self.ends.insert(host.clone(), (*outcome, line));
                None
            }
            EventKind::RolloutPaused { reason } => {
                if let Some(message) = &mut self.message {
                    message.reason = Some(reason.clone());
                }
                None
            }
            EventKind::RolloutEnded { end, duration_ms } => self.ended(event.time, *end, *duration_ms),
            _ => None,
        }
    }

    fn ended(&self, time: Timestamp, end: End, duration_ms: u64) -> Option<MomentsMessage> {
        let message = self.message.clone()?;
        let mut outcomes: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (outcome, _) in self.ends.values() {
            *outcomes.entry(outcome.as_str()).or_default() += 1;
        }
        let mut bad: Vec<_> = self.ends.iter().filter(|(_, (outcome, _))| is_bad(*outcome)).collect();
        bad.sort_by_cached_key(|(host, _)| Natural::of(host));
        let failed: Vec<Failed> = bad
            .into_iter()
            .map(|(host, (outcome, problem))| Failed {
                host: host.clone(),
                outcome: *outcome,
                problem: problem.clone(),
            })
            .take(NAMED)
            .collect();
        let event = match (end, failed.is_empty()) {
            (End::Complete, true) => Moment::Success,
            (End::Complete, false) | (End::RolledBack | End::NothingChanged | End::Declined, _) => {
                Moment::Failure
            }
            (End::Paused | End::Interrupted | End::WaveRolledBack, _) => Moment::Pause,
        };
        let mut moments = BTreeSet::from([event]);
        moments.extend((!failed.is_empty()).then_some(Moment::Failure));
        // The messages of a rollout that is resumed do not tell which hosts it changed before.
        let next = next(&message, end, message.resumed || !self.can_go_back.is_empty());
        let (end, duration_ms) = (Some(end), Some(duration_ms));
        Some((moments, Message { event, time, outcomes, failed, end, duration_ms, next, ..message }))
    }
}

fn begun(event: &Event) -> Option<Message> {
    let EventKind::RolloutBegan { command, operator, flake, revision, resumed, waves, .. } = &event.kind
    else {
        return None;
    };
    Some(Message {
        schema: SCHEMA,
        event: Moment::Start,
        time: event.time,
        rollout: event.rollout.clone()?,
        command: command.clone(),
        operator: operator.clone(),
        flake: flake.clone(),
        revision: revision.clone(),
        resumed: *resumed,
        hosts: waves.iter().map(Vec::len).sum(),
        waves: waves.len(),
        outcomes: BTreeMap::new(),
        failed: Vec::new(),
        reason: None,
        end: None,
        duration_ms: None,
        next: Vec::new(),
    })
}

const fn is_bad(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Ok | Outcome::Unchanged | Outcome::Skipped | Outcome::Deferred)
}

/// Returns the commands that the user may want to run next. The command to resume is included only for an
/// apply, since a rollback cannot be resumed. The command to go back is included only if a host can go back.
fn next(message: &Message, end: End, can_go_back: bool) -> Vec<String> {
    let Message { rollout, command, .. } = message;
    match end {
        End::Paused | End::Interrupted | End::WaveRolledBack if command == "apply" => {
            let back = can_go_back.then(|| format!("nixfleet rollback --rollout {rollout}"));
            [format!("nixfleet apply --resume {rollout}")].into_iter().chain(back).collect()
        }
        End::Complete => Vec::new(),
        _ => vec![format!("nixfleet history show {rollout}")],
    }
}
