//! The run of an update of the operating system, from taking the lock to the report. Nothing undoes it.

use std::time::Instant;

use nixfleet_contract::health::HealthVerdict;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::os::record::UpdateRun;
use nixfleet_contract::os::update::UpdateScope;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use tracing::{info, warn};

use super::offers::UpdateQuestion;
use super::plan::{InForce, check_base, held_since};
use super::{record, store};
use crate::engine::apt::planning::activator;
use crate::engine::apt::run::AptRun;
use crate::engine::apt::{self, phases};
use crate::engine::health;
use crate::engine::transaction::log::Brief;
use crate::engine::transaction::recover;
use crate::host::apt::dpkg::HostPackages;
use crate::host::lock::Lock;
use crate::host::transcript::Transcript;
use crate::host::{Host, clock};

/// Installs the update that was downloaded with this fingerprint, and checks the health of the host.
#[must_use]
pub fn update(host: &Host, expect: &str, holder: Holder) -> Report {
    let started = Instant::now();
    let mut report = Report::blocked();
    let lock = match Lock::take(host, &holder) {
        Ok(lock) => lock,
        Err(problem) => return Report { problem: Some(problem), ..report },
    };
    let ended = run(host, expect, &holder, &mut report);
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Report { outcome, duration_ms, .. } = &report;
    match ended {
        Ok(()) => info!(%outcome, duration_ms, "update ended"),
        Err(problem) => {
            warn!(%outcome, duration_ms, "update failed: {}", Brief(&problem));
            report.problem = Some(problem);
        }
    }
    recover::record_last_run(host, holder, &report);
    drop(lock);
    report
}

/// Carries out the update while the lock is held. The report says `blocked` until another outcome is certain.
fn run(host: &Host, expect: &str, holder: &Holder, report: &mut Report) -> Result<(), Problem> {
    check_base(host)?;
    report.recovered = recovered(host).inspect_err(|_| report.outcome = Outcome::Failed)?;
    let in_force = InForce::read(host)?;
    report.host.clone_from(&in_force.host);
    report.before.clone_from(&in_force.current);
    report.after.clone_from(&in_force.current);
    let ready = store::ready(host, expect)?;
    let plan = &ready.plan;
    let refused = plan.apt.problems.first().cloned();
    if let Some(problem) = refused.or_else(|| held_since(&in_force.declared, &plan.apt)) {
        return Err(problem);
    }
    let transcript = holder.run.as_ref().map(|run| Transcript::of(host, run)).filter(Transcript::exists);
    let files = Some(ready.files.as_slice());
    let declared = &in_force.declared;
    let apt = AptRun { host, declared, plan: &plan.apt, update: files, transcript };
    let done = phases::before(&apt, None, report);
    let is_refused = done.is_err() && report.outcome == Outcome::Blocked;
    let ended = done.and_then(|()| {
        report.steps_done = report.apt.as_ref().map_or(0, |apt| apt.changed.len());
        let has_changed = report.steps_done > 0 || !plan.apt.repairs.is_empty();
        report.outcome = if has_changed { Outcome::Ok } else { Outcome::Unchanged };
        check_health(host, report)
    });
    if !is_refused {
        remember(host, &in_force, (plan.scope, holder), report);
    }
    ended
}

/// Recovers the host after an interrupted run.
fn recovered(host: &Host) -> Result<Option<String>, Problem> {
    let both = [recover::recover(host)?, apt::recover::recover(host)?];
    let both: Vec<String> = both.into_iter().flatten().collect();
    Ok((!both.is_empty()).then(|| both.join("; ")))
}

/// Runs the health checks of the generation in force. A host that is not managed yet has none.
///
/// # Errors
/// Fails with [`Code::HealthCheck`] if a check failed. The update stays.
fn check_health(host: &Host, report: &mut Report) -> Result<(), Problem> {
    let checked = match health::on_demand(host) {
        Ok(checked) => checked,
        Err(problem) if problem.code == Code::NoGeneration => return Ok(()),
        Err(problem) => {
            (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::HealthChecks));
            return Err(problem);
        }
    };
    let verdict = HealthVerdict::on(&checked.results);
    report.left_to_others = checked.elsewhere;
    report.health_checks = checked.results;
    let Some(problem) = verdict.into_problem() else { return Ok(()) };
    (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::HealthChecks));
    report
        .notes
        .push("the packages stay updated: nothing undoes an update of the operating system".to_owned());
    Err(problem.help(
        "run `nixfleet check` to show the current results, and fix the cause; an older version of a package \
         can be declared in nixfleet.apt.packages",
    ))
}

/// Records the run, and the updates that are left. A report is worth more than a record, so an error is only
/// logged.
fn remember(host: &Host, in_force: &InForce, (scope, holder): (UpdateScope, &Holder), report: &Report) {
    let changed = report.apt.as_ref().map(|apt| apt.changed.clone()).unwrap_or_default();
    let run = UpdateRun {
        holder: holder.clone(),
        ended: clock::seconds(),
        scope,
        outcome: report.outcome,
        changed,
    };
    let write = || -> Result<(), Problem> {
        let record = record::with_run(record::read(host), run);
        let packages = HostPackages::read()?;
        let activator = activator();
        let declared = &in_force.declared;
        let question = UpdateQuestion { host, packages: &packages, declared, activator: &activator };
        let record = match question.ask() {
            Ok(offers) => {
                let refreshed = record::refreshed(host, &record);
                record::with_offers(record, &offers, &packages, refreshed)
            }
            Err(_) => record,
        };
        record::write(host, &record)
    };
    if let Err(problem) = write() {
        warn!("the update was not recorded: {}", Brief(&problem));
    }
}
