//! Finds changes that a rollout made but did not record, because its command was killed. The hosts themselves
//! record how they reached their current generation.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::run::{EarlierRun, LastRun};
use nixfleet_contract::status::Status;

use super::context::Context;
use crate::event::HostEnd;
use crate::orchestrate::each;
use crate::remote;
use crate::rollout::{PlannedHost, RolloutTarget};
use crate::ssh::Session;
use crate::stop::Stop;

/// The answer of a host about a change that a rollout did not record.
#[derive(Debug)]
pub enum UnrecordedChange {
    /// The rollout made this change, and the host still has the generation that the change made.
    Changed(Box<HostEnd>),
    /// The host has a different closure, or reports no such run.
    Nothing,
    /// A run was interrupted on the host, and the host has not recovered from it. Contains the number of the
    /// current generation, if there is one.
    Interrupted(Option<u64>),
}

/// Asks each host which run made its current generation, if the generation has the closure that the rollout
/// planned for the host. The result is a problem if the host cannot be queried or is still being changed.
///
/// # Errors
/// Fails only because of a bug.
pub async fn ask(
    sessions: Vec<Arc<Session>>,
    planned: &BTreeMap<String, PlannedHost>,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<Vec<(String, Result<UnrecordedChange, Problem>)>, Stop> {
    let asked = each(sessions, parallel, &context.interrupt, |session| {
        let planned = planned.get(&session.host().name).cloned();
        async move {
            let found = match planned {
                Some(planned) => ask_one(&session, &planned).await,
                None => Ok(UnrecordedChange::Nothing),
            };
            (session.host().name.clone(), found)
        }
    });
    Ok(asked.await?.into_iter().flatten().collect())
}

/// Asks one host, as [`ask`] does.
///
/// # Errors
/// Fails if the host cannot be queried or is still being changed.
pub async fn ask_one(session: &Session, planned: &PlannedHost) -> Result<UnrecordedChange, Problem> {
    let name = session.host().name.as_str();
    let Some(status) = remote::status(session).await? else { return Ok(UnrecordedChange::Nothing) };
    if let Some(holder) = &status.locked_by {
        return Err(busy(name, holder));
    }
    if status.interrupted.is_some() {
        return Ok(UnrecordedChange::Interrupted(status.current.map(|current| current.number)));
    }
    Ok(of(name, planned, status)
        .map_or(UnrecordedChange::Nothing, |end| UnrecordedChange::Changed(Box::new(end))))
}

fn busy(host: &str, holder: &str) -> Problem {
    Problem::new(Code::Locked, "another run is still changing the host")
        .at(host)
        .because(holder)
        .help("wait until that run has ended, then run the command again")
}

/// Returns the end of the run that made the current generation of a host, if the rollout planned the closure
/// of this generation and the host did not have the generation before the rollout.
fn of(host: &str, planned: &PlannedHost, status: Status) -> Option<HostEnd> {
    let RolloutTarget::Closure { closure } = &planned.target;
    let current = status.current.filter(|current| current.closure == *closure)?;
    let LastRun { report, earlier, .. } = status.last?;
    // A generation that was removed is still known if the rollout has recorded it.
    let generation = |number: u64| {
        let mut known = status.generations.iter().map(|info| &info.generation).chain(&planned.before);
        known.find(|known| known.number == number).cloned()
    };
    let earlier = earlier.iter().filter_map(|run| earlier_end(host, run, generation));
    let ends = std::iter::once(last_end(host, report)).chain(earlier);
    // The newest run comes first.
    let mut ends = ends.filter(|end| end.after.as_ref() == Some(&current) && end.made().is_some());
    if planned.before.as_ref() == Some(&current) {
        // The rollout can only have corrected drift.
        return ends.next().filter(|end| end.before == end.after);
    }
    // A rollback to the generation, and a run that corrected drift in it, did not make it.
    ends.find(|end| end.before.as_ref().is_none_or(|before| before.number < current.number))
}

fn last_end(host: &str, report: Report) -> HostEnd {
    HostEnd {
        host: host.to_owned(),
        outcome: report.outcome,
        reason_code: report.reason_code,
        problem: report.problem,
        before: report.before,
        after: report.after,
        exit_code: None,
        duration_ms: report.duration_ms,
    }
}

/// Returns the end of a run before the last one. A host records neither why such a run was partial, nor how
/// long it took. The result is `None` if a generation of the run is unknown.
fn earlier_end(
    host: &str,
    run: &EarlierRun,
    generation: impl Fn(u64) -> Option<Generation>,
) -> Option<HostEnd> {
    let known = |number: Option<u64>| match number {
        Some(number) => generation(number).map(Some),
        None => Some(None),
    };
    Some(HostEnd {
        host: host.to_owned(),
        outcome: run.outcome,
        reason_code: None,
        problem: None,
        before: known(run.before)?,
        after: known(run.after)?,
        exit_code: None,
        duration_ms: 0,
    })
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
