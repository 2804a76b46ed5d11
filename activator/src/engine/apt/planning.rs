//! Adds to the plan of a host what apt would do.

use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::apt::plan::{AptPlan, PackageChange, PackageOperation};
use nixfleet_contract::plan::{Plan, Warning};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;

use super::answers;
use super::ask::AptQuestions;
use super::drift::drift;
use super::owned::OwnedPackages;
use super::run::concerns;
use super::space;
use super::units;
use super::view::{self, AptView};
use super::waiting::wait_for_locks;
use crate::engine::plan::planner::{self, PlannedTransaction};
use crate::engine::plan::target::Target;
use crate::host::Host;
use crate::host::apt::lock;
use crate::host::transcript::Transcript;

/// Adds to a plan what apt would do before and after its steps. `may_ask`: whether the contents that are not
/// on the host may be requested first. Returns the view of the package sources for which the plan was made.
///
/// # Errors
/// Fails with [`Code::Packages`] if apt cannot carry out the declaration, or with the errors of
/// [`AptView::of`].
pub fn add(
    host: &Host,
    target: &Target,
    planned: &mut PlannedTransaction,
    may_ask: bool,
) -> Result<Option<AptView>, Problem> {
    let owned = OwnedPackages::read(host)?;
    let declared = target.manifest.apt.clone().unwrap_or_default();
    let nothing = DeclaredPackages { lock_timeout: declared.lock_timeout, ..DeclaredPackages::default() };
    if declared == nothing && !owned.has_work() {
        return Ok(None);
    }
    if target.number.is_some() && !target.with_packages {
        let what = "a rollback changes no package: those that an apply installed stay installed; `--force \
                    packages` also changes packages";
        planned.plan.warnings.push(Warning { subject: "apt".to_owned(), what: what.to_owned() });
        return Ok(None);
    }
    if !host.is_machine() {
        return Err(Problem::new(Code::Packages, "packages of apt cannot be installed in a directory")
            .at("nixfleet.apt.packages")
            .help("apply to the host itself"));
    }
    let questions = AptQuestions::of(&declared, &owned)?;
    if planned.state.manifest.as_ref() == Some(&target.digest) {
        planned.plan.drift.extend(drift(&declared, &questions.host));
        planned.plan.drift.extend(answers::drift(&questions.answers));
    }
    let view = if questions.needs_sources() {
        let lacks = view::lacking(target);
        if !lacks.is_empty() && may_ask {
            planned.plan.lacks.extend(lacks);
            planned.plan.unvalidated = true;
            return Ok(None);
        }
        if !lacks.is_empty() {
            return Err(Problem::new(Code::Packages, "apt cannot be asked about the package sources")
                .at("nixfleet.apt.sources")
                .because("the content of a source, a pin or a key was not sent to the host")
                .help("plan without --no-validate; each of these files can have one mebibyte at most"));
        }
        Some(AptView::of(host, target, &planned.state)?)
    } else {
        None
    };
    let options = view.as_ref().map_or(&[][..], |view| &view.options);
    let mut apt = questions.ask(options, &activator())?;
    apt.space = space::needs(&apt.packages)?;
    apt.running = units::running(host, &apt.packages, &questions.host)?;
    units::add(&mut apt.packages);
    planned.plan.problems.append(&mut apt.problems);
    planned.plan.problems.extend(space::objections(&apt.space));
    if !apt.is_empty() {
        planned.plan.fingerprint = format!("{}.{}", planned.plan.fingerprint, apt.fingerprint);
        planned.awaits_apt = installs(&apt, |name| concerns(&owned, &declared, &apt, name));
        if planned.awaits_apt {
            postpone(planned);
        }
        planned.plan.apt = Some(apt);
    }
    Ok(view)
}

/// Plans with the part of apt. While another program uses apt or dpkg, their answers may change at any
/// moment, so a plan with a part of apt is made again when that program has ended. `transcript`: where the
/// run reports the program.
///
/// # Errors
/// As for [`planner::plan`] and [`add`], or [`Code::Locked`] if a program holds a lock for too long.
pub fn plan(
    host: &Host,
    target: &Target,
    transcript: Option<&Transcript>,
) -> Result<(PlannedTransaction, Option<AptView>), Problem> {
    let plan = || {
        let mut planned = planner::plan(host, target)?;
        let view = add(host, target, &mut planned, false)?;
        Ok((planned, view))
    };
    let is_locked = || host.is_machine() && lock::holder().is_some();
    let was_locked = is_locked();
    let made = plan();
    let has_part = made.as_ref().map_or(true, |(planned, _)| planned.plan.apt.is_some());
    if !has_part || !(was_locked || is_locked()) {
        return made;
    }
    drop(made);
    wait_for_locks(&target.manifest.apt.clone().unwrap_or_default(), transcript)?;
    plan()
}

/// Returns the path of this program, which apt starts.
#[must_use]
pub fn activator() -> String {
    let program = std::env::current_exe().ok();
    program.map_or_else(|| "/proc/self/exe".to_owned(), |program| program.to_string_lossy().into_owned())
}

/// Whether apt installs or completes a package, so that its accounts and units may not be on the host yet.
/// `concerns`: whether a package matters for the declaration.
fn installs(plan: &AptPlan, concerns: impl Fn(&PackageName) -> bool) -> bool {
    let is_new = |package: &PackageChange| matches!(package.change, PackageOperation::Install { .. });
    plan.repairs.iter().any(concerns) || plan.packages.iter().any(is_new)
}

/// Turns problems that a new package may solve into warnings: its accounts and units exist only after it is
/// installed. The plan after apt has them as problems again.
fn postpone(planned: &mut PlannedTransaction) {
    let awaits = &planned.awaits_package;
    let is_later = |problem: &Problem| problem.code == Code::Command || awaits.contains(problem);
    postpone_each(&mut planned.plan, is_later);
}

/// Turns the findings of tools into warnings, if apt installs new packages: a new package may have the
/// program that a tool misses. They are problems again after apt has installed the packages.
pub fn postpone_findings(planned: &mut PlannedTransaction) {
    if planned.awaits_apt {
        postpone_each(&mut planned.plan, |problem| problem.code == Code::Validation);
    }
}

/// Adds the reason why apt could not be asked. The problems that a package may solve are not shown, because
/// it is unknown whether apt would install the package.
pub fn refuse(planned: &mut PlannedTransaction, problem: Problem) {
    let awaits = &planned.awaits_package;
    planned.plan.problems.retain(|other| !awaits.contains(other));
    planned.plan.problems.push(problem);
}

fn postpone_each(plan: &mut Plan, is_later: impl Fn(&Problem) -> bool) {
    let (postponed, problems): (Vec<_>, Vec<_>) = plan.problems.drain(..).partition(is_later);
    plan.problems = problems;
    plan.warnings.extend(postponed.into_iter().map(checked_later));
}

/// Returns the warning for a problem that is checked after apt has installed the new packages.
fn checked_later(problem: Problem) -> Warning {
    Warning {
        subject: problem.location.unwrap_or_else(|| "apt".to_owned()),
        what: format!("checked after apt: {}", problem.what),
    }
}
