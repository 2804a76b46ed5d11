//! How hosts stand.

use nixfleet_activate::report::Status;

use super::style::{BOLD, GREEN, RED, YELLOW, outcome_style, paint};
use super::{clean, indented, table};
use crate::document::HostResult;

/// A table of all hosts, and below it whatever is not as it should be.
pub fn statuses(results: &[HostResult], verbose: bool) -> String {
    let rows = results.iter().map(|result| {
        let status = result.status.as_ref();
        let count =
            |of: fn(&Status) -> usize| status.map_or_else(|| "-".to_owned(), |status| of(status).to_string());
        let generation = status.and_then(|status| status.current.as_ref());
        vec![
            result.host.clone(),
            state(result),
            generation.map_or_else(|| "-".to_owned(), |generation| generation.number.to_string()),
            count(|status| status.drift.len()),
            count(|status| not_running(status).count()),
            count(|status| status.kept.len()),
        ]
    });
    let table = table(&["host", "state", "generation", "drift", "units down", "kept copies"], rows);
    let details: String = results.iter().filter_map(|result| details(result, verbose)).collect();
    format!("{table}{details}")
}

fn state(result: &HostResult) -> String {
    let (style, word) = match (&result.status, &result.problem) {
        (_, Some(_)) => (outcome_style(result.outcome), result.outcome.as_str()),
        (None, None) => (YELLOW, "unmanaged"),
        (Some(status), None) if status.current.is_none() => (YELLOW, "unmanaged"),
        (Some(status), None) if status.interrupted.is_some() => (RED, "interrupted"),
        (Some(status), None) if status.locked_by.is_some() => (YELLOW, "busy"),
        (Some(status), None) if !status.drift.is_empty() => (YELLOW, "drift"),
        (Some(status), None) if not_running(status).next().is_some() => (RED, "units down"),
        (Some(_), None) => (GREEN, "managed"),
    };
    paint(style, word)
}

/// Managed units that have failed. A timer's service, say, is rightly inactive; units that should run and do not are
/// drift already.
fn not_running(status: &Status) -> impl Iterator<Item = &nixfleet_activate::report::UnitStatus> {
    status.units.iter().filter(|unit| unit.active == "failed")
}

fn details(result: &HostResult, verbose: bool) -> Option<String> {
    let mut lines = Vec::new();
    if let Some(problem) = &result.problem {
        lines.push(clean(&problem.to_string()));
    }
    if let Some(status) = &result.status {
        let interrupted =
            status.interrupted.iter().map(|what| format!("interrupted: {what}; the next apply recovers it"));
        lines.extend(interrupted);
        lines.extend(status.locked_by.iter().map(|who| format!("busy: {who}")));
        lines.extend(status.drift.iter().map(|drift| format!("drift: {}: {}", drift.subject, drift.what)));
        lines.extend(
            not_running(status).map(|unit| format!("unit: {}: {} ({})", unit.unit, unit.active, unit.sub)),
        );
        lines.extend(status.kept.iter().map(|path| format!("kept: {path}")));
        if verbose {
            let running = status.units.iter().filter(|unit| unit.active != "failed");
            lines.extend(running.map(|unit| format!("unit: {}: {} ({})", unit.unit, unit.active, unit.sub)));
            lines.extend(status.generations.iter().map(|info| {
                let current =
                    status.current.as_ref().is_some_and(|current| current.number == info.generation.number);
                let mark = if current { " (current)" } else { "" };
                format!("generation {}{mark}: {}", info.generation.number, info.generation.closure)
            }));
        }
    }
    if lines.is_empty() {
        return None;
    }
    Some(format!("\n{}\n{}", paint(BOLD, &result.host), indented(&clean(&lines.join("\n")))))
}
