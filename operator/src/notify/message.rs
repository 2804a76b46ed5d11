//! What is told of a rollout, put together from its events.

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

/// How many hosts that did not end well are named.
const NAMED: usize = 20;

/// What is sent: the JSON document of a webhook and of a command. It holds no secret: of a failure only what
/// the history keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The moment, in a word.
    pub event: Moment,
    /// When.
    pub time: Timestamp,
    /// The rollout.
    pub rollout: RolloutId,
    /// `apply` or `rollback`.
    pub command: String,
    /// Who runs it, `user@machine`.
    pub operator: String,
    /// The flake that describes the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flake: Option<String>,
    /// Its revision in Git, with `-dirty` where the tree had changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Whether it was paused or interrupted before.
    pub resumed: bool,
    /// How many hosts take part.
    pub hosts: usize,
    /// In how many waves.
    pub waves: usize,
    /// How many hosts have ended how.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Hosts that did not end well, a few of many.
    pub failed: Vec<Failed>,
    /// Why it stopped before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What to type next, if something is to be done.
    pub next: Vec<String>,
}

/// A host that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The host.
    pub host: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemLine>,
}

/// A message, and the moments that it is about: who wants any of them gets it, once.
pub type MomentsMessage = (BTreeSet<Moment>, Message);

/// What is known of a rollout so far.
#[derive(Debug, Default)]
pub struct Story {
    message: Option<Message>,
    ends: BTreeMap<String, (Outcome, Option<ProblemLine>)>,
}

impl Story {
    /// Takes an event of the rollout in, and says what is to be told now.
    pub fn hear(&mut self, event: &Event) -> Option<MomentsMessage> {
        match &event.kind {
            EventKind::RolloutBegan { .. } => {
                self.message = begun(event);
                self.message.clone().map(|message| ([Moment::Start].into(), message))
            }
            EventKind::HostEnded(HostEnd { host, outcome, problem, .. }) => {
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
        let next = next(&message, end);
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

/// A rollback has nothing to go on with.
fn next(message: &Message, end: End) -> Vec<String> {
    let Message { rollout, command, .. } = message;
    match end {
        End::Paused | End::Interrupted | End::WaveRolledBack if command == "apply" => vec![
            format!("nixfleet apply --resume {rollout}"),
            format!("nixfleet rollback --rollout {rollout}"),
        ],
        End::Complete => Vec::new(),
        _ => vec![format!("nixfleet history show {rollout}")],
    }
}
