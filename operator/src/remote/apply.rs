//! Copies a closure to a host and activates it.

use std::sync::Arc;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;

use super::Terms;
use super::change::Change;
use super::report_check::Expected;
use super::run_id::new_run;
use crate::identity::operator;
use crate::nix::{Closure, StorePath, Transfer};
use crate::ssh::Session;

/// Copies the missing paths of a closure to a host. Then activates the closure, if the host's plan still has
/// this fingerprint. Takes one SSH exec. `paths` contains all paths of the closure, each after the paths that
/// it refers to. `arrived` is called when the host has all these paths.
///
/// # Errors
/// There is no report, because the closure did not arrive, the host refused before the change began, or the
/// report can no longer be found.
pub async fn apply(
    session: &Session,
    closure: &Closure,
    paths: Vec<Arc<StorePath>>,
    fingerprint: &str,
    terms: Terms<'_>,
    arrived: impl FnOnce() + Send + 'static,
) -> Result<Report, Problem> {
    let (run, program) = (new_run(), format!("{}/activate", closure.path));
    let expected = Expected { closure: &closure.path, number: None, is_named: true };
    let change = Change::new(session, &program, &run, terms, expected);
    let (who, flags) = (operator(), terms.flags());
    let revision = terms.revision.unwrap_or_default();
    let arguments =
        [closure.path.as_str(), &run, revision, "--run", &run, "--expect", fingerprint, "--by", &who];
    let arguments: Vec<&str> = arguments.into_iter().chain(flags.iter().map(String::as_str)).collect();
    let transfer = Transfer { paths, substitute: terms.substitute };
    change.deliver(transfer, arrived, include_str!("scripts/apply.sh"), &arguments).await
}
