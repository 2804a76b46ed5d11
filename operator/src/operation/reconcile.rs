//! Finds changes that a rollout made but did not record, because its command was killed. The hosts themselves
//! record how they reached their current generation.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::LastRun;
use nixfleet_contract::status::Status;

use super::context::Context;
use crate::event::HostEnd;
use crate::orchestrate::each;
use crate::remote;
use crate::ssh::Session;
use crate::stop::Stop;

/// What a host says about a change that a rollout did not record.
#[derive(Debug)]
pub enum Found {
    /// The rollout made this change.
    Changed(Box<HostEnd>),
    /// The host has a different closure, or reports no such run.
    Nothing,
    /// A run was interrupted on the host, and the host has not recovered from it. Contains the number of the
    /// current generation, if there is one.
    Interrupted(Option<u64>),
}

/// Asks each host which run activated the closure that `closures` lists for the host. The result is a problem
/// if the host cannot be queried or is still being changed.
///
/// # Errors
/// Fails only because of a bug.
pub async fn ask(
    sessions: Vec<Arc<Session>>,
    closures: &BTreeMap<String, String>,
    parallel: NonZeroUsize,
    context: &Context,
) -> Result<Vec<(String, Result<Found, Problem>)>, Stop> {
    let asked = each(sessions, parallel, &context.interrupt, |session| {
        let target = closures.get(&session.host().name).cloned();
        async move {
            let name = session.host().name.clone();
            let status = remote::status(&session).await;
            let end = match status {
                Ok(Some(Status { locked_by: Some(holder), .. })) => Err(busy(&name, &holder)),
                Ok(Some(Status { interrupted: Some(_), current, .. })) => {
                    Ok(Found::Interrupted(current.map(|current| current.number)))
                }
                status => status.map(|status| {
                    let end = target.zip(status).and_then(|(target, status)| of(&name, &target, status));
                    end.map_or(Found::Nothing, |end| Found::Changed(Box::new(end)))
                }),
            };
            (name, end)
        }
    });
    Ok(asked.await?.into_iter().flatten().collect())
}

fn busy(host: &str, holder: &str) -> Problem {
    Problem::new(Code::Locked, "another run is still changing the host")
        .at(host)
        .because(holder)
        .help("wait until that run has ended, then run the command again")
}

fn of(host: &str, target: &str, status: Status) -> Option<HostEnd> {
    let current = status.current.filter(|current| current.closure == target)?;
    let LastRun { report, .. } = status.last?;
    (report.outcome == Outcome::Ok && report.after.as_ref() == Some(&current)).then(|| HostEnd {
        host: host.to_owned(),
        outcome: report.outcome,
        reason_code: report.reason_code,
        problem: None,
        before: report.before,
        after: report.after,
        exit_code: None,
        duration_ms: report.duration_ms,
    })
}
