//! The output of `nixfleet reboot`.

use std::fmt::Write as _;

use nixfleet_contract::outcome::Outcome;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::{one_line, problem_text};

use super::style::{BOLD, YELLOW, outcome_style, paint};
use super::{indented, table};

/// Formats which hosts would be rebooted, and why.
pub fn reboots(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let word = match (&result.reboot, result.outcome) {
            (Some(_), Outcome::Ok) => paint(YELLOW, "to reboot"),
            (Some(_), Outcome::Unchanged) => "not needed".to_owned(),
            (_, outcome) => paint(outcome_style(outcome), outcome),
        };
        let kernel = result.reboot.as_ref().map_or_else(|| "-".to_owned(), |reboot| one_line(&reboot.kernel));
        let reasons = result.reboot.iter().flat_map(|reboot| &reboot.reasons).map(ToString::to_string);
        let why: Vec<String> = reasons.chain(result.reason.clone()).collect();
        vec![result.host.clone(), word, kernel, one_line(&why.join("; "))]
    });
    let mut text = table(&["host", "reboot", "kernel", "why"], rows);
    for result in results {
        if let Some(problem) = &result.problem {
            let _ = write!(text, "\n{}\n{}", paint(BOLD, &result.host), indented(&problem_text(problem)));
        }
    }
    text.push('\n');
    text
}

/// Formats when hosts may be rebooted.
pub fn schedule(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let when = result.reason.as_deref().map(one_line).unwrap_or_default();
        let windows = result.calendar.iter().flat_map(|calendar| &calendar.windows).map(ToString::to_string);
        let windows = windows.collect::<Vec<_>>().join(", ");
        vec![result.host.clone(), when, one_line(&windows)]
    });
    table(&["host", "reboots", "windows"], rows)
}
