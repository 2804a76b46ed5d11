//! Records events in the database. Of each event, only some parts are recorded.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use rusqlite::{Connection, TransactionBehavior, params};

use super::retention::{BOUNDS, forget};
use super::{ProblemLine, Store};
use crate::event::RolloutId;
use crate::event::{End, Event, EventKind, ExcludedHost, HostEnd, Phase};
use crate::host_result::outcome_of;

/// The largest number that is recorded. All JSON parsers read it exactly, and sums of several such numbers do
/// not overflow.
const MOST: u64 = 1 << 53;

/// Whether any part of an event is recorded. The output of hosts is never recorded.
pub const fn is_recorded(kind: &EventKind) -> bool {
    match kind {
        EventKind::HostPhase { phase, .. } => begins(*phase),
        EventKind::CommandBegan { .. }
        | EventKind::CommandEnded { .. }
        | EventKind::FleetKnown { .. }
        | EventKind::Declined
        | EventKind::RolloutBegan { .. }
        | EventKind::RolloutPaused { .. }
        | EventKind::RolloutEnded { .. }
        | EventKind::HostPlanned { .. }
        | EventKind::HostEnded(_) => true,
        _ => false,
    }
}

/// Whether the host may change from this phase on.
const fn begins(phase: Phase) -> bool {
    matches!(phase, Phase::Activating | Phase::RollingBack | Phase::Running)
}

impl Store {
    /// Records the events of a command in one transaction.
    ///
    /// # Errors
    /// Fails if the database cannot be written.
    pub fn take_in(&mut self, id: &RolloutId, events: &[Event]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for event in events {
            Note { to: &transaction, id: id.to_string() }.take_in(event)?;
        }
        transaction.commit()
    }
}

/// Records the events of one command.
struct Note<'a> {
    to: &'a Connection,
    id: String,
}

impl Note<'_> {
    fn take_in(&self, event: &Event) -> rusqlite::Result<()> {
        match &event.kind {
            EventKind::CommandBegan { .. } => self.began(event),
            EventKind::CommandEnded { .. } => self.ended(event),
            EventKind::FleetKnown { flake, revision } => {
                self.set("flake = ?2, revision = ?3", params![self.id, flake, revision])
            }
            EventKind::RolloutBegan { excluded, .. } => {
                let rollout = event.rollout.as_ref().map(ToString::to_string);
                self.set("rollout = ?2", params![self.id, rollout])?;
                excluded.iter().try_for_each(|host| self.excluded(host))
            }
            EventKind::RolloutPaused { reason } => self.set("reason = ?2", params![self.id, reason]),
            EventKind::Declined => self.rollout_ended(End::Declined),
            EventKind::RolloutEnded { end, .. } => self.rollout_ended(*end),
            EventKind::HostPlanned { host, steps, current, problem } => {
                self.planned(host, *steps, current.as_ref(), problem.as_ref())
            }
            EventKind::HostPhase { host, phase } if begins(*phase) => self.begun(host),
            EventKind::HostEnded(end) => self.host_ended(end),
            _ => Ok(()),
        }
    }

    fn began(&self, event: &Event) -> rusqlite::Result<()> {
        let EventKind::CommandBegan { command, arguments, operator, .. } = &event.kind else {
            return Ok(());
        };
        let arguments = serde_json::to_string(arguments).unwrap_or_default();
        let values = params![self.id, command, arguments, operator, event.time.as_millisecond()];
        let insert =
            "INSERT INTO commands (id, command, arguments, operator, began) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.to.prepare_cached(insert)?.execute(values).map(drop)
    }

    fn ended(&self, event: &Event) -> rusqlite::Result<()> {
        let EventKind::CommandEnded { exit_code, problem, .. } = &event.kind else { return Ok(()) };
        let (code, line) = parts(problem.as_ref().map(|problem| self.line(problem)).transpose()?);
        let values = params![self.id, event.time.as_millisecond(), exit_code, code, line];
        self.set("ended = ?2, exit_code = ?3, code = ?4, problem = ?5", values)?;
        forget(self.to, BOUNDS).map(drop)
    }

    fn rollout_ended(&self, end: End) -> rusqlite::Result<()> {
        let end = serde_json::to_value(end).unwrap_or_default();
        self.set("rollout_end = ?2", params![self.id, end.as_str()])
    }

    fn set(&self, what: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
        let update = format!("UPDATE commands SET {what} WHERE id = ?1");
        self.to.prepare_cached(&update)?.execute(values).map(drop)
    }

    /// Inserts the row of a host if it is missing, and then updates the columns that the SQL text `what`
    /// sets.
    fn host(&self, what: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
        let insert = "INSERT INTO hosts (command, host) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.to.prepare_cached(insert)?.execute(&values[..2])?;
        let update = format!("UPDATE hosts SET {what} WHERE command = ?1 AND host = ?2");
        self.to.prepare_cached(&update)?.execute(values).map(drop)
    }

    fn excluded(&self, ExcludedHost { host, reason }: &ExcludedHost) -> rusqlite::Result<()> {
        let outcome = Outcome::Skipped.as_str();
        let values = params![self.id, host, outcome, ProblemLine::excluded(reason).text];
        self.host("outcome = ?3, problem = ?4", values)
    }

    fn planned(
        &self,
        host: &str,
        steps: Option<usize>,
        current: Option<&Generation>,
        problem: Option<&Problem>,
    ) -> rusqlite::Result<()> {
        let outcome = match (problem, steps) {
            (Some(_), Some(_)) => Some(Outcome::Blocked),
            (Some(problem), None) => Some(outcome_of(problem)),
            (None, Some(0)) => Some(Outcome::Unchanged),
            (None, _) => None,
        };
        let (code, line) = parts(problem.map(|problem| self.line(problem)).transpose()?);
        let (number, closure) = of(current);
        // If the plan already decides the outcome, the current generation is also recorded as the generation
        // after the command. A later event may replace this record.
        let (after, to) = of(current.filter(|_| outcome.is_some()));
        let outcome = outcome.map(Outcome::as_str);
        let steps = steps.map(|steps| steps as u64);
        let values = params![self.id, host, steps, outcome, number, closure, after, to, code, line];
        let what = "steps = ?3, outcome = ?4, before_number = ?5, before_closure = ?6, after_number = ?7, \
                    after_closure = ?8, code = ?9, problem = ?10";
        self.host(what, values)
    }

    /// Records that work on the host was started. This deletes the outcome that was recorded from the plan.
    fn begun(&self, host: &str) -> rusqlite::Result<()> {
        self.host(
            "begun = 1, outcome = NULL, after_number = NULL, after_closure = NULL",
            params![self.id, host],
        )
    }

    /// Records the end of work on a host. For a host that was changed and later rolled back, this happens
    /// twice: the generation before the command is taken from the first time, and the durations are added up.
    fn host_ended(&self, end: &HostEnd) -> rusqlite::Result<()> {
        let (code, line) = parts(end.problem.as_ref().map(|problem| self.line(problem)).transpose()?);
        let ((before, from), (after, to)) = (of(end.before.as_ref()), of(end.after.as_ref()));
        let (outcome, took, exit) = (end.outcome.as_str(), bounded(end.duration_ms), end.exit_code);
        let values = params![self.id, end.host, outcome, before, from, after, to, took, exit, code, line];
        let what = "outcome = ?3, \
                    before_number = iif(duration_ms IS NULL, coalesce(?4, before_number), before_number), \
                    before_closure = iif(duration_ms IS NULL, coalesce(?5, before_closure), before_closure), \
                    after_number = ?6, after_closure = ?7, \
                    duration_ms = coalesce(duration_ms, 0) + ?8, exit_code = ?9, \
                    code = coalesce(?10, code), problem = coalesce(?11, problem)";
        self.host(what, values)
    }

    fn line(&self, problem: &Problem) -> rusqlite::Result<ProblemLine> {
        let mut select = self.to.prepare_cached("SELECT command = 'run' FROM commands WHERE id = ?1")?;
        Ok(ProblemLine::of(problem, select.query_row([&self.id], |row| row.get(0))?))
    }
}

fn parts(line: Option<ProblemLine>) -> (Option<String>, Option<String>) {
    line.map_or((None, None), |line| (line.code, Some(line.text)))
}

fn of(generation: Option<&Generation>) -> (Option<u64>, Option<&str>) {
    generation
        .map_or((None, None), |generation| (Some(bounded(generation.number)), Some(&generation.closure)))
}

/// Limits a number to `MOST`, because a host can report any number.
fn bounded(number: u64) -> u64 {
    number.min(MOST)
}
