//! Health checks that the operator's machine tries after a change that needed no confirmation.

use nixfleet_contract::force::Force;
use nixfleet_contract::health::HealthVerdict;
use nixfleet_contract::health::check::CheckName;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;

use crate::event::Phase;
use crate::remote::Terms;
use crate::remote::{Destination, PlanOptions};
use crate::ssh::Session;
use crate::{health, remote};

/// Tries the health checks that run on the operator's machine, and rolls the host back if a failed check
/// requires it. The host has already committed the change, so the host does not roll back by itself.
/// `may_undo` states whether the host may be rolled back. `may_undo` is false if the change was itself a
/// rollback.
pub async fn attempt(session: &Session, terms: Terms<'_>, mut report: Report, may_undo: bool) -> Report {
    if report.left_to_others.is_empty() {
        return report;
    }
    let Some(checks) = terms.checks else {
        report.outcome = Outcome::Failed;
        report.problem = Some(unknown(session, &report.left_to_others));
        return report;
    };
    (terms.phase)(Phase::Checking);
    report.health_checks.extend(health::attempt(session, checks).await);
    let verdict = HealthVerdict::on(&report.health_checks);
    report.outcome = verdict.outcome(report.outcome);
    report.reason_code = verdict.reason_code().or(report.reason_code);
    let to_undo = may_undo && !terms.force.contains(&Force::HealthChecks) && verdict.is_to_undo();
    report.problem = verdict.into_problem();
    let Some(before) = report.before.clone().filter(|_| to_undo) else { return report };
    match go_back(session, before.number, terms).await {
        Ok(back) if back.after == report.before => {
            (report.outcome, report.after) = (Outcome::RolledBack, back.after);
        }
        Ok(back) => report.problem = add(report.problem, back.problem),
        Err(problem) => report.problem = add(report.problem, Some(problem)),
    }
    report
}

async fn go_back(session: &Session, number: u64, terms: Terms<'_>) -> Result<Report, Problem> {
    let to = Destination::Number(number);
    let (plan, activator) = remote::plan_rollback(session, to, PlanOptions::default(), &[]).await?;
    (terms.phase)(Phase::RollingBack);
    let terms = Terms { confirm: None, force: &[], checks: None, ..terms };
    remote::rollback(session, to, &activator, (&plan.fingerprint, &plan.target), terms).await
}

fn add(problem: Option<Problem>, second: Option<Problem>) -> Option<Problem> {
    let problem = problem?;
    let Some(second) = second else { return Some(problem) };
    let why = problem.why.clone().unwrap_or_default();
    Some(problem.because(format!("{why}\nand the host could not be rolled back: {second}")))
}

/// Returns the problem for health checks that this machine should try, but does not know because it lacks the
/// closure of the host.
#[must_use]
pub fn unknown(session: &Session, names: &[CheckName]) -> Problem {
    let name = &session.host().name;
    let names = names.iter().map(|name| &**name).collect::<Vec<&str>>().join(", ");
    Problem::new(
        Code::HealthCheck,
        format!("health checks that this machine should try are unknown: {names}"),
    )
    .at(name)
    .because("the host's closure, which describes these checks, is not in the Nix store of this machine")
    .help(format!(
        "run the command on the machine that last applied to the host, or build the host's closure here: \
         nixfleet plan --host {name}"
    ))
}
