//! The phases of an apply with packages of apt: packages first, then the change of the host, removals last.

use nixfleet_contract::apt::plan::{AptPhase, AptPlan};
use nixfleet_contract::apt::report::AptReport;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use nixfleet_contract::values::PackageName;

use super::answers;
use super::held_units::HeldUnits;
use super::journal::AptJournal;
use super::package_objects::PackageObjects;
use super::plan::full_name;
use super::ran_before::RanBefore;
use super::run::AptRun;
use super::undo;
use super::view::AptView;
use crate::engine::plan::planner::PlannedTransaction;
use crate::host::Host;
use crate::host::apt::dpkg::HostPackages;

/// Carries out the phase before the change of the host. The outcome of the report is `blocked` if nothing was
/// changed, and `partial` if apt did not finish.
///
/// # Errors
/// Fails if apt did not finish.
pub fn before(run: &AptRun<'_>, view: Option<&AptView>, report: &mut Report) -> Result<(), Problem> {
    let ran_before = RanBefore::list(run.host, run.plan)?;
    let done = run.before(view, &ran_before);
    report.notes.extend(brought_back(run.host, ran_before));
    let (done, of_others) = done.inspect_err(|_| {
        // From the moment at which the journal is written, dpkg may have changed packages.
        if !matches!(AptJournal::read(run.host), Ok(None)) {
            (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::AptUnfinished));
        }
    })?;
    let problem = done.problem.clone();
    let has_changed = done.has_changed();
    report.apt = Some(done);
    if !of_others.is_empty() {
        let names: Vec<&str> = of_others.iter().map(|name| &**name as &str).collect();
        let names = names.join(", ");
        report.notes.push(format!(
            "not completely installed, and not declared: {names}; run `dpkg --configure -a` on the host"
        ));
    }
    let Some(problem) = problem else {
        report.notes.extend(answers::notes(&run.plan.answers));
        return Ok(());
    };
    if has_changed {
        (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::AptUnfinished));
    }
    Err(problem)
}

/// Checks the plan of the host after apt against the plan made before apt ran. The outcome of the report is
/// `partial` if they differ in anything that did not come with the packages.
///
/// # Errors
/// Fails if the change of the host cannot be made as planned.
pub fn check_again(
    host: &Host,
    apt: &AptPlan,
    (before, after, manifest): (&PlannedTransaction, &PlannedTransaction, &Manifest),
    problem: Option<Problem>,
    report: &mut Report,
) -> Result<(), Problem> {
    let objection = problem.or_else(|| {
        let packages = names(apt).unwrap_or_default();
        let accounts = (&before.observed.accounts, &after.observed.accounts);
        PackageObjects::of(host, packages.iter(), accounts)
            .with_absent(manifest)
            .objection(&before.plan, &after.plan)
    });
    let Some(problem) = objection else { return Ok(()) };
    (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::PlanChanged));
    let notes = stays(host, apt, report);
    report.notes.extend(notes);
    Err(problem)
}

/// Turns the outcome of a change that was refused or undone after apt into `partial`: apt's part stays.
pub fn forward_only(host: &Host, apt: &AptPlan, report: &mut Report) {
    match report.outcome {
        Outcome::Blocked | Outcome::RolledBack => {
            (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::AptForwardOnly));
            let notes = stays(host, apt, report);
            report.notes.extend(notes);
        }
        Outcome::Ok
        | Outcome::Unchanged
        | Outcome::Partial
        | Outcome::Deferred
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Unreachable => {}
    }
}

/// Carries out the phase after the commit.
///
/// # Errors
/// Fails if apt did not finish. The change of the host stays.
pub fn after(run: &AptRun<'_>, report: &mut Report) -> Result<(), Problem> {
    if run.plan.in_phase(AptPhase::After).next().is_none() {
        return Ok(());
    }
    let ran_before = RanBefore::list(run.host, run.plan)?;
    let ended = run.after(&ran_before);
    report.notes.extend(brought_back(run.host, ran_before));
    let ended = ended.and_then(|done| {
        let problem = done.problem.clone();
        report.apt = Some(match report.apt.take() {
            Some(earlier) => joined(earlier, done),
            None => done,
        });
        problem.map_or(Ok(()), Err)
    });
    if ended.is_err() {
        (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::AptUnfinished));
    }
    ended
}

/// Starts the units again that apt has stopped, and returns notes about them.
fn brought_back(host: &Host, ran_before: RanBefore) -> Vec<String> {
    // apt has changed packages already, so an error must not hide its report.
    ran_before.bring_back(host).unwrap_or_else(|problem| {
        let why = problem.why.unwrap_or(problem.what);
        vec![format!("the units that ran before apt could not be compared with those that run now: {why}")]
    })
}

/// Returns the report of both phases. The second phase tells which packages are unfinished.
fn joined(earlier: AptReport, done: AptReport) -> AptReport {
    let changed = earlier.changed.into_iter().chain(done.changed).collect();
    let set_aside = earlier.set_aside.into_iter().chain(done.set_aside).collect();
    AptReport { changed, set_aside, answered: earlier.answered, ..done }
}

/// Whether apt does anything before the change of the host.
#[must_use]
pub fn has_before(plan: &Plan) -> bool {
    plan.apt.as_ref().is_some_and(|apt| {
        apt.in_phase(AptPhase::Before).next().is_some()
            || !apt.repairs.is_empty()
            || !apt.marks.is_empty()
            || !apt.answers.is_empty()
    })
}

/// Returns the full names of the packages that a plan installs, changes or completes.
fn names(apt: &AptPlan) -> Result<Vec<PackageName>, Problem> {
    let host = HostPackages::read()?;
    let there = apt.in_phase(AptPhase::Before).filter(|package| !package.change.is_removal());
    let there = there.map(|package| full_name(&host, &package.name, &package.architecture));
    Ok(there.chain(apt.repairs.iter().cloned()).collect())
}

/// Returns notes about the part of apt that nothing undoes, about the command that removes the new packages,
/// and about the starts that are held.
fn stays(host: &Host, apt: &AptPlan, report: &Report) -> Vec<String> {
    let held = HeldUnits::of(host).ok().flatten().map(|held| {
        let units: Vec<&str> = held.units.keys().map(|unit| &**unit as &str).collect();
        format!("new units do not start before an apply succeeds: {}", units.join(", "))
    });
    undo::notes(apt, report).into_iter().chain(held).collect()
}
