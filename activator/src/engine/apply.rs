//! Carries out an apply or a rollback as one run, from taking the lock to the report.

use std::time::Instant;

use nixfleet_contract::force::Force;
use nixfleet_contract::health::{Check, HealthVerdict};
use nixfleet_contract::holder::Holder;
use nixfleet_contract::login::Login;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::plan::{Plan, Warning};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::status::ToFinish;
use tracing::{info, warn};

use crate::engine::apt::ran_before::{self, RanBefore};
use crate::engine::apt::run::AptRun;
use crate::engine::apt::{self, held_units, phases, planning};
use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::accounts::execute as accounts;
use crate::engine::family::paths::excluded::suggest_force_if_declared;
use crate::engine::family::paths::late_owners;
use crate::engine::family::paths::ownership;
use crate::engine::family::paths::stage;
use crate::engine::family::system::execute as system;
use crate::engine::family::units::bystanders::{Bystanders, Missing};
use crate::engine::family::units::execute::declaration;
use crate::engine::health;
use crate::engine::health::{Health, May};
use crate::engine::plan::fast_path;
use crate::engine::plan::planner::{self, PlannedTransaction};
use crate::engine::plan::target::{GenerationRef, Target, TargetClosure};
use crate::engine::state::State;
use crate::engine::transaction::commit;
use crate::engine::transaction::execute;
use crate::engine::transaction::execute::Executed;
use crate::engine::transaction::journal::{self, Journal, JournalPhase};
use crate::engine::transaction::log::Brief;
use crate::engine::transaction::open;
use crate::engine::transaction::recover;
use crate::engine::transaction::settle;
use crate::engine::transaction::undo;
use crate::engine::transaction::undo::UndoTime;
use crate::engine::transaction::window::Window;
use crate::engine::validate;
use crate::host::activator::{self, Acting};
use crate::host::lock::Lock;
use crate::host::nixos::Owners;
use crate::host::profile::Profile;
use crate::host::transcript::Transcript;
use crate::host::{Host, roots};

/// The target of a run, as named on the command line.
#[derive(Clone, Debug)]
pub enum TargetRef {
    /// A closure on this machine.
    Closure(String),
    /// A generation of the host.
    Generation(GenerationRef),
}

/// The options of an apply or a rollback.
#[derive(Clone, Copy, Debug)]
pub struct ApplyRequest<'a> {
    /// The target.
    pub target: &'a TargetRef,
    /// The fingerprint of the approved plan. A plan with another fingerprint is refused.
    pub expect: Option<&'a str>,
    /// The objections to overrule, and the paths to leave as they are.
    pub force: &'a [Force],
    /// The login that must still work after the change.
    pub login: Option<&'a Login>,
}

/// Applies a target to a host, as one transaction. `expect`: the fingerprint of the approved plan.
#[must_use]
pub fn apply(host: &Host, target: &TargetRef, expect: Option<&str>, holder: Holder) -> Report {
    apply_within(host, ApplyRequest { target, expect, force: &[], login: None }, holder, None)
}

/// Carries out a request, as one transaction. If there is a window, undoes the change unless the operator
/// confirms the change within the time of the window.
#[must_use]
pub fn apply_within(
    host: &Host,
    request: ApplyRequest<'_>,
    holder: Holder,
    window: Option<Window<'_>>,
) -> Report {
    let started = Instant::now();
    let mut report = Report::blocked();
    let lock = match Lock::take(host, &holder) {
        Ok(lock) => lock,
        Err(problem) => {
            let report = Report { problem: Some(problem), ..report };
            tell(&report);
            return report;
        }
    };
    let last = (request.expect != Some(Plan::NONE)).then(|| holder.clone());
    if let Err(problem) = run(host, request, holder, window, &mut report) {
        report.problem = Some(problem);
    }
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tell(&report);
    // A run that only recovers the host records no result of its own, since it has recorded the result of the
    // interrupted run.
    if let Some(holder) = last {
        recover::record_last_run(host, holder, &report);
    }
    drop(lock);
    report
}

/// Logs how a run ended. On a host, the log is the systemd journal.
fn tell(report: &Report) {
    let Report { outcome, steps_done: steps, duration_ms, .. } = report;
    match &report.problem {
        None => info!(%outcome, steps, duration_ms, "run ended"),
        Some(problem) => warn!(%outcome, steps, duration_ms, "run failed: {}", Brief(problem)),
    }
}

/// Carries out a request while the lock is held. The report says `blocked` until another outcome is certain.
fn run(
    host: &Host,
    request: ApplyRequest<'_>,
    holder: Holder,
    window: Option<Window<'_>>,
    report: &mut Report,
) -> Result<(), Problem> {
    match recover::recover(host) {
        Ok(recovered) => {
            let of_apt = apt::recover::recover(host)?;
            let both: Vec<String> = recovered.into_iter().chain(of_apt).collect();
            report.recovered = (!both.is_empty()).then(|| both.join("; "));
        }
        Err(problem) => {
            report.outcome = Outcome::Failed;
            return Err(problem);
        }
    }
    if request.expect == Some(Plan::NONE) {
        return Err(Problem::new(Code::PlanOutdated, "the run only recovers the host"));
    }
    let profile = Profile::read(host)?;
    report.before.clone_from(&profile.current);
    report.after.clone_from(&profile.current);
    let target_closure = match request.target {
        TargetRef::Closure(closure) => TargetClosure::of_closure(closure)?,
        TargetRef::Generation(reference) => TargetClosure::of_generation(host, &profile, *reference)?,
    };
    if let Some(plan) = fast_path::unchanged(host, &target_closure)
        && request.expect.is_none_or(|expect| expect == plan.fingerprint)
    {
        report.host = plan.host;
        return unchanged(host, &Check::of_manifest(&target_closure.manifest)?, report);
    }
    let target = target_closure.clone().open()?.without(request.force).on(host);
    report.host.clone_from(&target.manifest.host);
    let transcript = holder.run.as_ref().map(|run| Transcript::of(host, run)).filter(Transcript::exists);
    let (mut planned, view) = planning::plan(host, &target, transcript.as_ref())?;
    planned.plan.overrule(request.force);
    if request.expect.is_some_and(|expect| expect != planned.plan.fingerprint) {
        return Err(Problem::new(Code::PlanOutdated, "the host changed between plan and apply")
            .because("the current plan of the host differs from the plan that was to be applied")
            .help("inspect the new plan (`nixfleet plan`), then apply it"));
    }
    if let Some(problem) = first_of(&planned.plan.problems) {
        return Err(problem);
    }
    // Nothing completes the packages first that an interrupted run has left.
    if ran_before::is_left(host) && !phases::has_before(&planned.plan) {
        report.notes.extend(RanBefore::left(host)?.bring_back(host)?);
    }
    if planned.plan.steps.is_empty() && planned.plan.apt.is_none() {
        let ended = as_declared(host, &planned, &target.manifest.health_checks, report);
        report_excluded(&planned.plan.excluded, report);
        report_boot(&planned.plan.awaits_boot, Outcome::Deferred, report);
        return ended;
    }
    let Some(apt) = planned.plan.apt.clone() else {
        return change_host(host, request, (&planned, &target), (holder, window), report);
    };
    // Refuse what can be refused before apt changes anything. The tools look again after apt.
    if let Some(problem) = first_of(&validated(host, request, &planned, &target).problems) {
        return Err(problem);
    }
    let declared = target.manifest.apt.clone().unwrap_or_default();
    let run = AptRun { host, declared: &declared, plan: &apt, update: None, transcript };
    if phases::has_before(&planned.plan) {
        phases::before(&run, view.as_ref(), report)?;
    }
    drop(view);
    let target = target_closure.open().map(|target| target.without(request.force).on(host));
    let again = target.and_then(|target| Ok((planner::plan(host, &target)?, target)));
    let (mut again, target) = again.inspect_err(|_| {
        if phases::has_before(&planned.plan) {
            phases::forward_only(host, &apt, report);
        }
    })?;
    again.plan.overrule(request.force);
    let problem = first_of(&again.plan.problems);
    phases::check_again(host, &apt, (&planned, &again, &target.manifest), problem, report)?;
    let changed = if again.plan.steps.is_empty() {
        as_declared(host, &again, &target.manifest.health_checks, report)
    } else {
        change_host(host, request, (&again, &target), (holder, window), report)
    };
    if report.outcome == Outcome::Unchanged {
        report.outcome = Outcome::Ok;
    }
    if phases::has_before(&planned.plan) {
        phases::forward_only(host, &apt, report);
    }
    changed?;
    phases::after(&run, report)
}

/// Returns the findings of the host's tools about a plan. Findings that a new package may change are left out
/// before apt has installed it.
fn validated(
    host: &Host,
    request: ApplyRequest<'_>,
    planned: &PlannedTransaction,
    target: &Target,
) -> validate::Findings {
    let login = request.login.filter(|_| !request.force.contains(&Force::Lockout));
    let mut found = validate::validate(host, planned, target, login);
    if planned.awaits_apt {
        found.problems.retain(|problem| problem.code != Code::Validation);
    }
    found
}

/// Validates a plan with the host's tools, and carries it out as one transaction.
fn change_host(
    host: &Host,
    request: ApplyRequest<'_>,
    (planned, target): (&PlannedTransaction, &Target),
    (holder, window): (Holder, Option<Window<'_>>),
    report: &mut Report,
) -> Result<(), Problem> {
    let found = validated(host, request, planned, target);
    if let Some(problem) = first_of(&found.problems) {
        return Err(problem);
    }
    report.notes.extend(found.notes);
    // The health checks are about the new system. If this system runs only after the next boot, the checks do
    // not run now.
    let checks = if planned.waits_to_activate() { &[][..] } else { &target.manifest.health_checks };
    let health = Health::of(host, checks, May::of(target, request.force));
    let change = ApplyChange { host, planned, target, window, health };
    transact(&change, holder, report).map_err(|mut problem| {
        suggest_force_if_declared(&mut problem, &target.manifest);
        problem
    })
}

/// Reports on a host that needs no change. The health checks of the host run, but a failed check causes no
/// undo.
fn unchanged(host: &Host, checks: &[Check], report: &mut Report) -> Result<(), Problem> {
    report.health_checks = health::of_unchanged(host, report.after.as_ref(), checks);
    let verdict = HealthVerdict::on(&report.health_checks);
    (report.outcome, report.reason_code) = (verdict.outcome(Outcome::Unchanged), verdict.reason_code());
    verdict.into_problem().map_or(Ok(()), Err)
}

/// Reports a host that needs no step. If it is healthy, the units of new packages whose starts are held may
/// start from now on.
fn as_declared(
    host: &Host,
    planned: &PlannedTransaction,
    checks: &[Check],
    report: &mut Report,
) -> Result<(), Problem> {
    unchanged(host, checks, report)?;
    held_units::end(host, &planned.observed.stay_held())
}

/// Adds the excluded paths to the report. If there are any, a good outcome becomes `partial`.
fn report_excluded(excluded: &[Warning], report: &mut Report) {
    let said = excluded.iter().map(|left| format!("left as it is: {}: {}", left.subject, left.what));
    report.notes.extend(said);
    if !excluded.is_empty() && report.outcome.is_good() {
        (report.outcome, report.reason_code) = (Outcome::Partial, Some(ReasonCode::PathsExcluded));
    }
}

/// Adds a note to the report if parts of the target take effect only when the host is restarted. In this
/// case, a good outcome becomes `waiting`.
fn report_boot(awaits: &[String], waiting: Outcome, report: &mut Report) {
    if awaits.is_empty() {
        return;
    }
    report.notes.push(ToFinish::Restart(awaits.to_vec()).to_string());
    if report.outcome.is_good() {
        (report.outcome, report.reason_code) = (waiting, Some(ReasonCode::RebootToFinish));
    }
}

/// Returns the first problem. The help text of this problem tells how many more problems there are.
fn first_of(problems: &[Problem]) -> Option<Problem> {
    let (first, more) = problems.split_first()?;
    if more.is_empty() {
        return Some(first.clone());
    }
    let help = first.help.as_deref().unwrap_or_default();
    Some(
        first.clone().help(
            format!("{help}\n(more problems: {}; to show all problems, run `nixfleet plan`)", more.len())
                .trim_start()
                .to_owned(),
        ),
    )
}

/// A validated plan, with everything that is needed to carry it out.
struct ApplyChange<'a> {
    host: &'a Host,
    planned: &'a PlannedTransaction,
    target: &'a Target,
    window: Option<Window<'a>>,
    health: Health<'a>,
}

fn transact(change: &ApplyChange<'_>, holder: Holder, report: &mut Report) -> Result<(), Problem> {
    let ApplyChange { host, planned, target, health, .. } = change;
    stage::back_up_stale_slots(host)?;
    let mut journal = open::open(host, planned, target, holder)?;
    // Each of these two calls can fail after it has created its link or file, if the link or file cannot be
    // synced to disk. So an error of either call also leads to an undo.
    let opened =
        roots::pin(host, &journal.pinned()).and_then(|()| host.write_record(journal::RECORD, &journal));
    let opened = opened.and_then(|()| held_units::keep(host, &planned.observed.stay_held()));
    let failed = match opened.and_then(|()| execute_all(change, report, &mut journal)) {
        Ok((done, failed)) => {
            report.steps_done = done;
            failed
        }
        // If the disk fails right after the commit point, the change is in force and cannot be undone.
        Err(_) if is_committed(host, &journal) => {
            report.steps_done = journal.entries.len();
            Vec::new()
        }
        Err(problem) => {
            let undone = undo::undo(host, &journal, UndoTime::Running);
            report.outcome = match &undone {
                Ok(_) if journal.has_touched() => Outcome::RolledBack,
                Ok(_) => Outcome::Blocked,
                Err(_) => Outcome::Failed,
            };
            return Err(match undone {
                Ok(notes) => {
                    report.notes.extend(notes);
                    problem
                }
                Err(undo) => {
                    let why = undo.why.clone().unwrap_or_default();
                    undo.because(format!("{problem}\nand the change could not be undone: {why}"))
                }
            });
        }
    };
    let verdict = HealthVerdict::on(&report.health_checks);
    (report.outcome, report.reason_code) = (verdict.outcome(Outcome::Ok), verdict.reason_code());
    report_excluded(&planned.plan.excluded, report);
    report_boot(&planned.plan.awaits_boot, Outcome::Partial, report);
    report.after = Some(journal.after.clone());
    report.backups = journal.backups();
    if change.window.is_none() {
        report.left_to_others = health.elsewhere();
    }
    health.record_results(host, report.after.as_ref(), &report.health_checks);
    // The change is committed, so the new generation is in force even if the next call fails.
    commit::finish(host, &journal)?;
    held_units::forget(host)?;
    if let Some(problem) = first_of(&failed) {
        (report.outcome, report.reason_code) = (Outcome::Failed, None);
        return Err(problem);
    }
    verdict.into_problem().map_or(Ok(()), Err)
}

fn is_committed(host: &Host, journal: &Journal) -> bool {
    State::read(host).is_ok_and(|(state, _)| state.transaction == journal.transaction)
}

/// Carries out a change, up to and including the commit. Returns the number of operations, and the problems
/// of commands that failed without undoing the change.
fn execute_all(
    change: &ApplyChange<'_>,
    report: &mut Report,
    journal: &mut Journal,
) -> Result<(usize, Vec<Problem>), Problem> {
    let ApplyChange { host, planned, target, window, health } = change;
    stage::stage(host, target, journal)?;
    let awaits = late_owners::is_awaited(host, journal)?;
    let owners = if awaits { Owners::Given } else { Owners::Known };
    report.notes.extend(validate::staged::validate(host, target, journal)?);
    if let Some(step) = journal.activation() {
        system::check(host, step)?;
    }
    // If the run is interrupted from here on, the recovery needs an activator that can read this journal. So
    // first install the activator that carries out this change: it then also recovers the host at boot.
    let acting = match target.number {
        Some(_) => Acting::Itself,
        None => Acting::OfClosure(&target.closure),
    };
    activator::install(host, planned.state.activator, acting)?;
    let accounts = bring_accounts(host, planned, journal)?;
    journal.enter(host, JournalPhase::Swapping)?;
    let units = &target.manifest.units;
    let Executed { done, mut watch, failed } =
        execute::execute(host, &planned.state, units, journal, health.may())?;
    let (activated, notes) = execute::activate(host, journal, health.may(), owners)?;
    let done = done + activated;
    let bystanders = Bystanders::of(host, journal, units);
    let mut missing = Vec::new();
    if let Some(bystanders) = &bystanders {
        let started;
        (started, missing) = bystanders.bring_back()?;
        stand_without(&missing)?;
        let ours = started.iter().filter_map(|unit| Some((unit, declaration(units, unit)?.settle())));
        watch.add_all(ours)?;
    }
    // The health checks of this host run while this process watches whether the started units stay up, and
    // while it waits for the confirmation.
    let settled = || settle::settle(&watch, *window, health.patience());
    let alone = || window.iter().for_each(Window::leave_to_checks);
    let (confirmation, here) = health.beside(settled, alone)?;
    let elsewhere = confirmation.iter().flat_map(|said| health.found_elsewhere(said));
    report.health_checks = here.into_iter().chain(elsewhere).collect();
    health.judge(&report.health_checks)?;
    report.notes.extend(notes);
    if let Some(bystanders) = &bystanders {
        missing.extend(bystanders.ended_since(&missing)?);
        stand_without(&missing)?;
        // Add these notes only here: if the change is undone before this point, the missing units are started
        // again and the notes would be wrong.
        report.notes.extend(missing.iter().map(Missing::note));
    }
    if !journal.changes_boot() {
        commit::commit(host, planned, target, journal)?;
        return Ok((accounts + done, failed));
    }
    commit::stage(host, planned, target, journal)?;
    journal.enter(host, JournalPhase::Confirmed)?;
    let done = done + execute::boot(host, journal)?;
    commit::commit_staged(host, journal)?;
    Ok((accounts + done, failed))
}

/// Fails if one of the missing units is declared. A missing unit ran before the change and does not run now.
/// If such a unit is declared, the change is undone.
fn stand_without(missing: &[Missing]) -> Result<(), Problem> {
    missing.iter().find_map(Missing::problem).map_or(Ok(()), Err)
}

/// Creates and changes accounts, and makes them the owners of the files staged for them. Returns the number
/// of operations.
fn bring_accounts(
    host: &Host,
    planned: &PlannedTransaction,
    journal: &mut Journal,
) -> Result<usize, Problem> {
    accounts::check(host, journal.accounts())?;
    if !journal.accounts().any(AccountEntry::makes_account) {
        return Ok(0);
    }
    journal.enter(host, JournalPhase::Accounts)?;
    let done = execute::execute_accounts(host, &planned.state, journal)?;
    ownership::hand_over(host, journal)?;
    Ok(done)
}
