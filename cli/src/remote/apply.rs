//! Activates a closure that is on the host already.

use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::Report;

use super::{CHANGE, ask, operator};
use crate::nix::Closure;
use crate::ssh::Session;

/// Activates a closure, if the plan still has this fingerprint.
///
/// # Errors
/// There is no report: the connection broke, or the host refused before it began.
pub async fn apply(session: &Session, closure: &Closure, fingerprint: &str) -> Result<Report, Problem> {
    let arguments = [closure.path.as_str(), fingerprint, &operator()];
    match ask(session, include_str!("scripts/apply.sh"), &arguments, Vec::new(), CHANGE).await {
        Ok(answer) => answer.document(),
        Err(problem) => Err(unknown_truth(session, problem)),
    }
}

/// A connection that breaks while a host changes leaves its truth unknown, which is more than being unreachable.
pub(super) fn unknown_truth(session: &Session, problem: Problem) -> Problem {
    if problem.code != Code::Unreachable {
        return problem;
    }
    let name = &session.host().name;
    let why = problem.why.unwrap_or(problem.what);
    Problem::new(
        Code::BadAnswer,
        "the connection broke while the host was changing; how it ended is not known",
    )
    .at(name)
    .because(why)
    .help(format!(
        "see how it stands: nixfleet status --host {name}; an apply completes or undoes what was begun"
    ))
}
