//! The command `forget`, which removes the records of NixFleet from a host.

use std::fmt::Write as _;
use std::process::ExitCode;

use nixfleet_activate::engine::forget;
use nixfleet_activate::host::{Host, lock};
use nixfleet_contract::forget::{ForgetPlan, ForgetReport, Remnant};
use nixfleet_contract::problem::Problem;

use super::arguments::ForgetArgs;
use super::disk_space::ended;
use super::{print, read};

/// Removes the records of NixFleet, or prints what would be removed.
///
/// # Errors
/// The host cannot be read.
pub fn execute(args: &ForgetArgs) -> Result<ExitCode, Problem> {
    let host = Host::open(&args.common.root)?;
    if args.dry_run {
        print(&forget::plan(&host, args.mode)?, args.common.json, shown_plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let directories = args.directories.as_deref().map(read).transpose()?.unwrap_or_default();
    let directories = String::from_utf8_lossy(&directories);
    let directories: Vec<&str> = directories.lines().collect();
    let holder = lock::this_process(&args.by, "forget");
    let report = forget::forget(&host, args.mode, &directories, &holder);
    ended(&report, report.problem.as_ref(), args.common.json, shown_report)
}

fn shown_plan(plan: &ForgetPlan) -> String {
    let problem = plan.problem.iter().map(|problem| format!("{problem}\n"));
    lines(&plan.removed, &plan.remnants) + &problem.collect::<String>()
}

fn shown_report(report: &ForgetReport) -> String {
    lines(&report.removed, &report.remnants)
}

fn lines(removed: &[String], remnants: &[Remnant]) -> String {
    let mut text = String::new();
    for path in removed {
        let _ = writeln!(text, "remove {path}");
    }
    for Remnant { subject, why } in remnants {
        let _ = writeln!(text, "{subject} stays: {why}");
    }
    text
}
