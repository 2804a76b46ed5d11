//! Drops generations that a host no longer needs.

use nixfleet_contract::gc::{GcPlan, GcReport, Request, Retention};
use nixfleet_contract::problem::Problem;

use super::{ask, short};
use crate::identity::operator;
use crate::ssh::Session;

/// Asks a host which generations a garbage collection would drop. Returns `None` if the host is not managed.
/// Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or the activator refuses.
pub async fn plan_gc(session: &Session, request: &Request) -> Result<Option<GcPlan>, Problem> {
    let flags = flags(request);
    let arguments: Vec<&str> =
        ["", "--dry-run"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let script = include_str!("scripts/gc.sh");
    let answer = ask(session, script, &arguments, Vec::new(), session.to_answer()).await?;
    match answer.activator {
        Some(_) => {
            let plan: GcPlan = answer.document()?;
            Ok(Some(GcPlan { problem: plan.problem.map(short), ..plan }))
        }
        None => Ok(None),
    }
}

/// Drops the generations that a plan names. With `collect`, also collects garbage in the store of the host.
/// Takes one SSH exec.
///
/// # Errors
/// There is no report, because the host cannot be reached or its activator refuses.
pub async fn gc(
    session: &Session,
    request: &Request,
    plan: &GcPlan,
    collect: bool,
) -> Result<GcReport, Problem> {
    let (flags, who, at) = (flags(request), operator(), plan.at.to_string());
    let collecting = if collect { "collect" } else { "" };
    let own = [collecting, "--expect", &plan.fingerprint, "--at", &at, "--by", &who];
    let arguments: Vec<&str> = own.into_iter().chain(flags.iter().map(String::as_str)).collect();
    let script = include_str!("scripts/gc.sh");
    let answer = ask(session, script, &arguments, Vec::new(), session.to_change()).await?;
    let report: GcReport = answer.document()?;
    Ok(GcReport { problem: report.problem.map(short), ..report })
}

/// Returns the request as flags of the activator.
fn flags(request: &Request) -> Vec<String> {
    let retention = match request.retention {
        Retention::Newest(count) => format!("--keep={count}"),
        Retention::Younger(seconds) => format!("--older-than={seconds}"),
    };
    let pinned = request.pinned.iter().map(|number| format!("--pinned={number}"));
    let revision = request.pinned_revision.iter().map(|revision| format!("--pinned-revision={revision}"));
    let rollouts = request.rollouts.iter().map(|number| format!("--rollout={number}"));
    [retention].into_iter().chain(pinned).chain(revision).chain(rollouts).collect()
}
