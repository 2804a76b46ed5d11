//! Plans, reports and states as plain text for people. Programs read the JSON documents instead.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nixfleet_contract::apt::lock::LockHolder;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::{CheckResult, Checked};
use nixfleet_contract::os::status::{OsStatus, OutdatedUnit, PendingUpdates};
use nixfleet_contract::plan::{Drift, Plan};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use nixfleet_contract::run::{AwaitingApt, AwaitingConfirm, News, Notice};
use nixfleet_contract::status::Status;
use nixfleet_contract::values::Owner;

use crate::engine::family::accounts::target_account;
use crate::engine::state::{Origin, State, Thing};
use crate::host::clock;

/// Formats a plan, with one line for each step.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    line(&mut text, &format!("{}: {} → {}", plan.host, generation(plan.current.as_ref()), plan.target));
    if let Some(run) = &plan.interrupted {
        line(&mut text, &format!("  interrupted: {run}; an apply recovers the host first"));
    }
    for package in &plan.packages.added {
        line(&mut text, &format!("  package + {} {}", package.name, package.version));
    }
    for package in &plan.packages.removed {
        line(&mut text, &format!("  package - {} {}", package.name, package.version));
    }
    for (old, new) in &plan.packages.changed {
        line(&mut text, &format!("  package ~ {} {} → {}", new.name, old.version, new.version));
    }
    let checks = &plan.check_changes;
    for (mark, changes) in [("+", &checks.added), ("-", &checks.removed), ("~", &checks.changed)] {
        for change in changes {
            line(&mut text, &format!("  health check {mark} {}: {}", change.name, change.what));
        }
    }
    for step in &plan.steps {
        line(&mut text, &format!("  {}", step.line()));
    }
    drift(&mut text, &plan.drift);
    for left in &plan.excluded {
        line(&mut text, &format!("  left as it is: {}: {}", left.subject, left.what));
    }
    for warning in &plan.warnings {
        line(&mut text, &format!("  warning: {}: {}", warning.subject, warning.what));
    }
    for problem in &plan.problems {
        line(&mut text, &problem.to_string());
    }
    if plan.problems.is_empty() && !plan.is_to_change() {
        line(&mut text, "  nothing to do");
    }
    health_checks(&mut text, plan.health_checks.iter().flatten());
    text
}

/// Formats a problem for standard error.
#[must_use]
pub fn problem(problem: &Problem) -> String {
    let mut text = String::new();
    line(&mut text, &format!("error: {problem}"));
    text
}

fn names(groups: &BTreeSet<Owner>) -> String {
    groups.iter().map(|group| &**group).collect::<Vec<_>>().join(",")
}

/// Formats the report of an apply or a rollback.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut text = String::new();
    if let Some(recovered) = &report.recovered {
        line(&mut text, &format!("recovered: {recovered}"));
    }
    let after = generation(report.after.as_ref());
    let host = if report.host.is_empty() { "this host" } else { &report.host };
    line(
        &mut text,
        &format!(
            "{host}: {}, {after}, {} steps in {} ms",
            report.outcome, report.steps_done, report.duration_ms
        ),
    );
    for backup in &report.backups {
        line(&mut text, &format!("  backup {backup}"));
    }
    for note in &report.notes {
        line(&mut text, &format!("  note: {note}"));
    }
    health_checks(&mut text, &report.health_checks);
    text
}

/// Formats the results of the health checks of the generation in force.
#[must_use]
pub fn checked(checked: &Checked) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!("health checks of {}, {} s ago", generation(Some(&checked.generation)), ago(checked.at)),
    );
    health_checks(&mut text, &checked.results);
    for name in &checked.elsewhere {
        line(&mut text, &format!("  {name}: not tried from here"));
    }
    text
}

fn health_checks<'a>(text: &mut String, results: impl IntoIterator<Item = &'a CheckResult>) {
    for result in results {
        line(text, &format!("  {}", health_check(result)));
    }
}

/// Formats the result of one health check, as one line.
#[must_use]
pub fn health_check(result: &CheckResult) -> String {
    let state = if result.passed { "passed" } else { "failed" };
    let CheckResult { name, kind, tried, attempts, duration_ms, detail, .. } = result;
    let kind = tried.as_ref().map_or_else(|| kind.clone(), |tried| format!("{kind} {tried}"));
    format!("health check {name} ({kind}): {state} after {attempts} attempts and {duration_ms} ms: {detail}")
}

/// Formats a notice, which tells what a run waits for.
#[must_use]
pub fn notice(notice: &Notice) -> String {
    match &notice.news {
        News::AwaitingConfirm(AwaitingConfirm { run, seconds }) => {
            format!("done, and undone again unless it is confirmed within {seconds} s: confirm --run {run}\n")
        }
        News::AwaitingChecks(_) => "confirmed; health checks are tried\n".to_owned(),
        News::AwaitingApt(AwaitingApt { holder: Some(LockHolder { process, name, .. }), .. }) => {
            format!("waits for {name} (process {process}), which uses apt or dpkg\n")
        }
        News::AwaitingApt(AwaitingApt { holder: None, .. }) => "apt and dpkg are free\n".to_owned(),
    }
}

/// Formats the status of a host.
#[must_use]
pub fn status(status: &Status) -> String {
    let mut text = String::new();
    let host = status.host.as_deref().unwrap_or("not managed yet");
    line(&mut text, &format!("{host}: {}", generation(status.current.as_ref())));
    let current = status.current.as_ref().map(|generation| generation.number);
    for info in &status.generations {
        let mark = if current == Some(info.generation.number) { "*" } else { " " };
        line(&mut text, &format!("{mark} generation {} {}", info.generation.number, info.generation.closure));
    }
    drift(&mut text, &status.drift);
    for unit in &status.units {
        line(&mut text, &format!("  unit {} {} ({})", unit.unit, unit.active, unit.sub));
    }
    for backup in &status.backups {
        line(&mut text, &format!("  backup {backup}"));
    }
    if let Some(interrupted) = &status.interrupted {
        line(&mut text, &format!("  interrupted: {interrupted}; the next apply recovers it"));
    }
    if let Some(holder) = &status.locked_by {
        line(&mut text, &format!("  locked: {holder}"));
    }
    if let Some(os) = &status.os {
        operating_system(&mut text, os);
    }
    if let Some(known) = &status.health_checks {
        text.push_str(&checked(known));
    }
    if let Some(run) = &status.last {
        line(&mut text, &format!("  last run: {}", run.line(clock::seconds())));
        for run in &run.earlier {
            line(&mut text, &format!("  before that: {}", run.line(clock::seconds())));
        }
    }
    text
}

fn operating_system(text: &mut String, os: &OsStatus) {
    line(text, &format!("  {}, kernel {}, up {} s", os.name, os.kernel, os.uptime));
    if let Some(PendingUpdates { security, all, held, .. }) = &os.pending {
        line(text, &format!("  updates: {all}, of which {security} for security; {held} stay out"));
    }
    for reason in &os.reboot {
        line(text, &format!("  reboot required: {reason}"));
    }
    for OutdatedUnit { unit, files } in &os.outdated {
        line(text, &format!("  {unit} runs replaced code: {}", files.join(", ")));
    }
}

/// Formats everything that NixFleet owns on a host.
#[must_use]
pub fn inspect(state: &State) -> String {
    let mut text = String::new();
    for (path, owned) in &state.paths {
        let thing = match &owned.thing {
            Thing::Directory { access, implicit } => {
                let implicit = if *implicit { ", implicit" } else { "" };
                format!("directory {} {}:{}{implicit}", access.mode, access.owner, access.group)
            }
            Thing::File { access, sha256, .. } => {
                format!("file {} {}:{} {sha256}", access.mode, access.owner, access.group)
            }
            Thing::Link { target } => format!("link → {target}"),
            Thing::Absent => "nothing".to_owned(),
        };
        let origin = match &owned.origin {
            Origin::Created => String::new(),
            Origin::Original { backup } | Origin::Moved { backup } => {
                format!(", its original is at {backup}")
            }
            Origin::Existed { access } => {
                format!(", was {} {}:{} before", access.mode, access.owner, access.group)
            }
        };
        line(&mut text, &format!("{path}: {thing}{origin}"));
    }
    for group in &state.groups {
        line(&mut text, &format!("group {group}: created here"));
    }
    for (name, user) in &state.users {
        let created = if user.created { "created here" } else { "existed before" };
        let disabled = if user.disabled { ", disabled" } else { "" };
        let was = user.before.iter().filter(|(_, before)| before.was != before.left);
        let was =
            was.map(|(field, before)| format!(", {} was {:?}", target_account::name(*field), before.was));
        let was = was.collect::<Vec<_>>().concat();
        let added = if user.groups.is_empty() {
            String::new()
        } else {
            format!(", put into {}", names(&user.groups))
        };
        line(&mut text, &format!("user {name}: {created}{disabled}{was}{added}"));
    }
    for (name, unit) in &state.units {
        let enabled = match unit.enabled {
            Some(true) => "enabled",
            Some(false) => "not enabled",
            None => "of the distribution",
        };
        line(&mut text, &format!("unit {name}: {enabled}"));
    }
    text
}

/// Returns the number of seconds since a time.
#[must_use]
fn ago(time: u64) -> u64 {
    clock::seconds().saturating_sub(time)
}

fn drift(text: &mut String, drift: &[Drift]) {
    for drift in drift {
        line(text, &format!("  drift {}: {}", drift.subject, drift.what));
    }
}

fn generation(generation: Option<&Generation>) -> String {
    generation
        .map_or_else(|| "no generation".to_owned(), |generation| format!("generation {}", generation.number))
}

/// Appends a line without control characters. Names on a host may contain control characters, which must not
/// reach a terminal.
fn line(text: &mut String, line: &str) {
    let printable: String = line.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{printable}");
}
