//! The output of `nixfleet forget`.

use std::fmt::Write as _;

use nixfleet_contract::forget::Remnant;
use nixfleet_operator::host_result::{ForgetView, HostResult};
use nixfleet_operator::text::{one_line, problem_text};

use super::style::{BOLD, GREEN, RED, outcome_style, paint};
use super::{indented, table};

/// Formats what would be removed from each host in addition to everything declared, and what would stay.
#[must_use]
pub fn forget_plans(results: &[HostResult]) -> String {
    results.iter().map(|result| section(result, "removed afterwards:", false)).collect()
}

/// Formats the outcome of each host, what stays on it, and what to delete on this machine.
#[must_use]
pub fn forgotten(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let why = result.reason.as_deref().map(one_line).unwrap_or_default();
        vec![result.host.clone(), paint(outcome_style(result.outcome), result.outcome), why]
    });
    let sections: String = results.iter().map(|result| section(result, "removed:", true)).collect();
    table(&["host", "outcome", ""], rows) + &sections
}

/// Formats the section of a host. `is_end` also shows what to delete on this machine.
fn section(result: &HostResult, removed: &str, is_end: bool) -> String {
    let mut text = String::new();
    if let Some(view) = &result.forget {
        let ForgetView { removed: paths, remnants, inventory, .. } = &**view;
        list(&mut text, removed, paths.iter().map(|path| paint(RED, format!("- {}", one_line(path)))));
        let stays = remnants.iter().map(|Remnant { subject, why }| {
            format!("{} {}: {}", paint(GREEN, "="), one_line(subject), one_line(why))
        });
        list(&mut text, "stays:", stays);
        if is_end && result.problem.is_none() {
            list(&mut text, "delete on this machine:", inventory.iter().map(|line| one_line(line)));
        }
    }
    if let Some(problem) = &result.problem {
        let _ = writeln!(text, "{}", problem_text(problem));
    }
    if text.is_empty() { text } else { format!("\n{}\n{}", paint(BOLD, &result.host), indented(&text)) }
}

fn list(text: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "{heading}");
    }
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::forget::ForgetMode;
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::{Code, Problem};

    use super::*;

    #[test]
    fn a_forgotten_host_says_what_stays_and_which_lines_to_delete() {
        let remnant = Remnant { subject: "user web".to_owned(), why: "it is locked\u{1b}[2J".to_owned() };
        let view = ForgetView {
            removed: vec!["/var/lib/nixfleet/state.json".to_owned()],
            remnants: vec![remnant],
            inventory: vec!["fleet.nix:2: hosts.web-1.addr = \"a\";".to_owned()],
            ..ForgetView::new(ForgetMode::Clean)
        };
        let problem = Problem::new(Code::Unreachable, "the host cannot be reached");
        let all = [
            HostResult { forget: Some(Box::new(view)), ..HostResult::new("web-1", Outcome::Ok) },
            HostResult::failed("web-2", problem),
        ];
        expect_test::expect![[r#"
            host   outcome
            web-1  ok
            web-2  unreachable

            web-1
              removed:
                - /var/lib/nixfleet/state.json
              stays:
                = user web: it is locked␛[2J
              delete on this machine:
                fleet.nix:2: hosts.web-1.addr = "a";

            web-2
              [NF-301] the host cannot be reached
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&forgotten(&all)).to_string());
        let plans = anstream::adapter::strip_str(&forget_plans(&all)).to_string();
        assert!(plans.contains("removed afterwards:") && !plans.contains("delete on"), "{plans}");
    }
}
