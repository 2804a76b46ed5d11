//! Puts a host back to an earlier generation.

use nixfleet_activate::problem::Problem;
use nixfleet_activate::report::Report;

use super::apply::unknown_truth;
use super::{CHANGE, ask, operator};
use crate::ssh::Session;

/// Rolls back to this generation.
///
/// # Errors
/// There is no report: the connection broke, or the host refused before it began.
pub async fn rollback(session: &Session, generation: u64) -> Result<Report, Problem> {
    let arguments = [generation.to_string(), operator()];
    let arguments = arguments.each_ref().map(String::as_str);
    match ask(session, include_str!("scripts/rollback.sh"), &arguments, Vec::new(), CHANGE).await {
        Ok(answer) => answer.document(),
        Err(problem) => Err(unknown_truth(session, problem)),
    }
}
