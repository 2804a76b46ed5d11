//! Checks what the commands print for answers from hosts: text from a host must not forge or hide a line of
//! the output.

use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nixfleet::output_checks::check_lines;
use nixfleet::{backups, dropped, drops, gc_plans, gc_reports, health_table, plans, results, statuses};
use nixfleet_contract::backup::{Backups, DropReport};
use nixfleet_contract::gc::{GcPlan, GcReport};
use nixfleet_contract::health::Checked;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use nixfleet_contract::status::Status;
use nixfleet_operator::host_result::{BackupsView, GcView, HostResult};
use nixfleet_operator::process::Output;
use nixfleet_operator::remote::Answer;
use nixfleet_operator::text::problem_text;
use serde::de::DeserializeOwned;

use crate::answer::host;

/// Reads `stdout` as each kind of answer that a host can give, and checks what each command prints for this
/// answer.
///
/// # Panics
/// Panics if a check fails.
pub fn check(stdout: &[u8]) {
    let output = || Output { status: ExitStatus::from_raw(0), stdout: stdout.to_vec(), stderr: Vec::new() };
    let read = || Answer::read(&host(), output());
    let mut all = Vec::new();
    if let Some(plan) = take::<Plan>(&read, &mut all) {
        // The command line takes the host's name in a plan from the inventory, not from the answer of the
        // host.
        let plan = Plan { host: host().name, ..plan };
        for verbose in [false, true] {
            let Ok(_) = plans(1, |_| Ok::<_, Infallible>(plan.clone()), verbose, check_lines);
        }
    }
    if let Some(status) = take::<Status>(&read, &mut all) {
        all.push(HostResult { status: Some(status), ..good() });
    }
    if let Some(checked) = take::<Checked>(&read, &mut all) {
        all.push(HostResult { health_checks: checked.results, ..good() });
    }
    if let Some(plan) = take::<GcPlan>(&read, &mut all) {
        let report = take::<GcReport>(&read, &mut all);
        all.push(HostResult { gc: Some(Box::new(GcView { plan, report })), ..good() });
    }
    if let Some(found) = take::<Backups>(&read, &mut all) {
        let (list, spared) = (found.backups.clone(), found.backups);
        let report = take::<DropReport>(&read, &mut all);
        let view = BackupsView { list, spared, report, ..BackupsView::default() };
        all.push(HostResult { backups: Some(Box::new(view)), ..good() });
    }
    match read().and_then(Answer::report) {
        Ok(report) => all.push(HostResult::reported(host().name, Report { host: host().name, ..report })),
        Err(problem) => all.push(refused(problem)),
    }
    for one in all.chunks(1).chain([all.as_slice()]) {
        for verbose in [false, true] {
            for text in [statuses(one, verbose), health_table(one, verbose), gc_plans(one, verbose)] {
                check_lines(&text);
            }
        }
        for text in [results(one), gc_reports(one), backups(one), drops(one), dropped(one)] {
            check_lines(&text);
        }
    }
}

/// Reads the answer as a document of type `T`. If the document is refused, adds a result with the problem to
/// `all` and returns nothing.
fn take<T: DeserializeOwned>(
    read: impl Fn() -> Result<Answer, Problem>,
    all: &mut Vec<HostResult>,
) -> Option<T> {
    let document = read().and_then(|answer| answer.document::<T>());
    document.map_err(|problem| all.push(refused(problem))).ok()
}

fn refused(problem: Problem) -> HostResult {
    check_lines(&format!("error: {}", problem_text(&problem)));
    HostResult::failed(host().name, problem)
}

fn good() -> HostResult {
    HostResult::new(host().name, Outcome::Ok)
}
