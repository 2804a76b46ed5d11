//! Puts a host back to an earlier generation.

use nixfleet_activate::plan::Plan;
use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::Report;

use super::apply::unknown_truth;
use super::{CHANGE, LOOK, ask, operator};
use crate::args::Destination;
use crate::ssh::Session;

/// Asks what going back would change. Nothing on the host changes by that.
///
/// # Errors
/// The host cannot be reached, is not managed, has no such generation, or its activator refuses.
pub async fn plan_rollback(session: &Session, to: Destination) -> Result<Plan, Problem> {
    let script = include_str!("scripts/plan-rollback.sh");
    let answer = ask(session, script, &[&to.to_string()], Vec::new(), LOOK).await?;
    if answer.activator.is_none() {
        let name = &session.host().name;
        return Err(Problem::new(Code::NoGeneration, "the host is not managed yet")
            .at(name)
            .help(format!("bring it under management: nixfleet apply --host {name}")));
    }
    let plan: Plan = answer.document()?;
    Ok(Plan { host: session.host().name.clone(), ..plan })
}

/// Goes back, if the plan still has this fingerprint.
///
/// # Errors
/// There is no report: the connection broke, or the host refused before it began.
pub async fn rollback(session: &Session, to: Destination, fingerprint: &str) -> Result<Report, Problem> {
    let arguments = [&to.to_string(), fingerprint, &operator()];
    match ask(session, include_str!("scripts/rollback.sh"), &arguments, Vec::new(), CHANGE).await {
        Ok(answer) => answer.document(),
        Err(problem) => Err(unknown_truth(session, problem)),
    }
}
