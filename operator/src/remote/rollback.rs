//! Rolls a host back to an earlier generation.

use nixfleet_contract::force::Force;
use nixfleet_contract::inspected;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;

use super::change::Change;
use super::destination::Destination;
use super::plan::named;
use super::plan_options::PlanOptions;
use super::report_check::Expected;
use super::run_id::new_run;
use super::terms::force_flags;
use super::{Terms, ask, not_managed};
use crate::identity::operator;
use crate::ssh::Session;

/// The time limit of a plan allows for this number of file checks by the host's own tools, even if each check
/// takes its full time.
const FEW: usize = 5;

/// Asks a host what a rollback would change. `force`: what the user has given with `--force`. Returns the
/// plan and the activator that made it. Planning changes nothing on the host.
///
/// # Errors
/// The host cannot be reached, is not managed, has no such generation, or its activator refuses.
pub async fn plan_rollback(
    session: &Session,
    to: Destination,
    options: PlanOptions,
    force: &[Force],
) -> Result<(Plan, String), Problem> {
    let script = include_str!("scripts/plan-rollback.sh");
    let number = to.to_string();
    // Other objections are overruled on this machine, after the host has made the plan.
    let packages = force.iter().filter(|force| **force == Force::Packages);
    let flags: Vec<String> = options.flags().chain(force_flags(packages)).collect();
    let arguments: Vec<&str> =
        [number.as_str()].into_iter().chain(flags.iter().map(String::as_str)).collect();
    // The number of file checks in the generation is not known on this machine, so the time limit allows for
    // `FEW` checks.
    let limit = session.to_answer().saturating_add(inspected::patience(FEW));
    let answer = ask(session, script, &arguments, Vec::new(), limit).await?;
    let Some(activator) = answer.activator.clone() else { return Err(not_managed(session)) };
    let mut plan: Plan = answer.document()?;
    if !options.show_private {
        plan.hide_private();
    }
    Ok((named(plan, session), activator))
}

/// Rolls back to the closure `target`, if the host's plan still has this fingerprint. `activator` is the
/// activator that made the plan.
///
/// # Errors
/// There is no report, because the host refused before the rollback began, or the report can no longer be
/// found.
pub async fn rollback(
    session: &Session,
    to: Destination,
    activator: &str,
    (fingerprint, target): (&str, &str),
    terms: Terms<'_>,
) -> Result<Report, Problem> {
    let run = new_run();
    let number = match to {
        Destination::Number(number) => Some(number),
        Destination::Previous => None,
    };
    let expected = Expected { closure: target, number, is_named: false };
    let change = Change::new(session, activator, &run, terms, expected);
    let (to, who, flags) = (to.to_string(), operator(), terms.flags());
    let flags = flags.iter().map(String::as_str);
    let arguments = [to.as_str(), fingerprint, &who, &run, activator].into_iter().chain(flags);
    change.carry_out(include_str!("scripts/rollback.sh"), &arguments.collect::<Vec<_>>()).await
}
