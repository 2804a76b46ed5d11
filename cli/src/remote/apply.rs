//! Activates a closure that is on the host already.

use nixfleet_activate::problem::Problem;
use nixfleet_activate::report::Report;
use nixfleet_activate::run::RunId;

use super::change::Change;
use super::{Terms, operator};
use crate::nix::Closure;
use crate::ssh::Session;

/// Activates a closure, if the plan still has this fingerprint.
///
/// # Errors
/// There is no report: the host refused before it began, or it is not to be found any more.
pub async fn apply(
    session: &Session,
    closure: &Closure,
    fingerprint: &str,
    terms: Terms<'_>,
) -> Result<Report, Problem> {
    let (run, program) = (RunId::draw(), format!("{}/activate", closure.path));
    let change = Change { session, program: &program, run: &run, confirm: terms.confirm };
    let (who, flags) = (operator(), terms.flags());
    let flags = flags.iter().map(String::as_str);
    let arguments = [closure.path.as_str(), fingerprint, &who, &run].into_iter().chain(flags);
    change.carry_out(include_str!("scripts/apply.sh"), &arguments.collect::<Vec<_>>()).await
}
