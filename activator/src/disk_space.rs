//! The commands `gc` and `backups`, which free disk space on a host.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use nixfleet_activate::engine::backups;
use nixfleet_activate::engine::gc;
use nixfleet_activate::engine::gc::GcOptions;
use nixfleet_activate::host::{Host, clock, lock};
use nixfleet_activate::show;
use nixfleet_contract::backup::{Backup, Backups, DropReport, DropRequest};
use nixfleet_contract::gc::{GcPlan, GcReport};
use nixfleet_contract::problem::{Code, Problem};
use serde::Serialize;

use super::arguments::{BackupsCommand, GcArgs};
use super::{FAILED, print, read};

/// Drops generations that nothing needs, or prints which generations would be dropped.
///
/// # Errors
/// The host cannot be read.
pub fn collect(args: &GcArgs) -> Result<ExitCode, Problem> {
    let host = Host::open(&args.common.root)?;
    let request = args.request();
    let at = args.at.unwrap_or_else(clock::seconds);
    if args.dry_run {
        print(&gc::plan(&host, &request, at)?, args.common.json, shown_plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (expect, collect) = (args.expect.as_deref(), args.collect.as_deref());
    let options = GcOptions { request: &request, at, expect, collect };
    let report = gc::collect(&host, options, &lock::this_process(&args.by, "gc"));
    ended(&report, report.problem.as_ref(), args.common.json, shown_report)
}

/// Lists, shows or drops backups.
///
/// # Errors
/// The host cannot be read, there is no such backup, or the request cannot be read.
pub fn of_backups(command: BackupsCommand) -> Result<ExitCode, Problem> {
    match command {
        BackupsCommand::List { common } => {
            print(&backups::list(&Host::open(&common.root)?)?, common.json, shown_list)?;
            Ok(ExitCode::SUCCESS)
        }
        BackupsCommand::Show { common, path, generation, original } => {
            let selector = backups::BackupSelector { path, generation, original };
            let (head, bytes) = backups::show(&Host::open(&common.root)?, &selector)?;
            print(&head, common.json, |_| String::new())?;
            let written = io::stdout().lock().write_all(&bytes);
            written.map_err(|error| {
                Problem::new(Code::Usage, "the backup could not be printed").because(error)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        BackupsCommand::Drop { common, request, by } => {
            let unreadable = |error: serde_json::Error| {
                Problem::new(Code::Usage, "the list of backups to drop cannot be read").because(error)
            };
            let request: DropRequest = serde_json::from_slice(&read(&request)?).map_err(unreadable)?;
            let holder = lock::this_process(&by, "backups drop");
            let report = backups::discard(&Host::open(&common.root)?, &request, &holder);
            ended(&report, report.problem.as_ref(), common.json, shown_drop)
        }
    }
}

/// Prints a report and its problem, if any. Returns the exit code.
///
/// # Errors
/// The report cannot be printed.
pub fn ended<T: Serialize>(
    report: &T,
    problem: Option<&Problem>,
    json: bool,
    shown: impl Fn(&T) -> String,
) -> Result<ExitCode, Problem> {
    print(report, json, shown)?;
    let Some(problem) = problem else { return Ok(ExitCode::SUCCESS) };
    if !json {
        eprint!("{}", show::problem(problem));
    }
    Ok(ExitCode::from(FAILED))
}

fn shown_plan(plan: &GcPlan) -> String {
    let mut text = String::new();
    for judged in &plan.generations {
        let generation = &judged.info.generation;
        let reasons: Vec<&str> = judged.needed.iter().map(|need| need.as_str()).collect();
        let verdict =
            if judged.goes() { "goes".to_owned() } else { format!("stays: {}", reasons.join(", ")) };
        let _ = writeln!(text, "generation {} {verdict}", generation.number);
    }
    if let Some(problem) = &plan.problem {
        let _ = writeln!(text, "{problem}");
    }
    text
}

fn shown_report(report: &GcReport) -> String {
    let mut text = String::new();
    if let Some(recovered) = &report.recovered {
        let _ = writeln!(text, "recovered: {recovered}");
    }
    for info in &report.dropped {
        let _ = writeln!(text, "dropped generation {}", info.generation.number);
    }
    if let Some(collected) = &report.collected {
        let _ = writeln!(text, "collected {} store paths, {} bytes", collected.paths, collected.freed);
    }
    text
}

fn shown_list(backups: &Backups) -> String {
    lines("", &backups.backups)
}

fn shown_drop(report: &DropReport) -> String {
    lines("dropped ", &report.dropped)
}

fn lines(verb: &str, backups: &[Backup]) -> String {
    let mut text = String::new();
    for backup in backups {
        let Backup { path, size, place, .. } = backup;
        let needed = if backup.needed { ", restored when the path is no longer managed" } else { "" };
        let _ = writeln!(text, "{verb}{path}: {} of {size} bytes at {place}{needed}", backup.kind.as_str());
    }
    text
}
