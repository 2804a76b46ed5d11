//! The output of `nixfleet bootstrap` and `nixfleet host adopt`.

use std::fmt::Write as _;

use nixfleet_contract::outcome::Outcome;
use nixfleet_operator::bootstrap::{StepEnd, StepState};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::adopt::{Offer, Pinned};
use nixfleet_operator::text::{one_line, problem_text};

use super::style::{BOLD, GREEN, RED, YELLOW, outcome_style, paint};
use super::{indented, table};

/// Formats the steps of each host: which are done, which are to do, and which cannot be done.
#[must_use]
pub fn bootstrap_plans(results: &[HostResult]) -> String {
    let rows = results.iter().flat_map(|result| {
        let steps = result.bootstrap.iter().flat_map(|view| &view.steps).map(|planned| {
            let style = match planned.state {
                StepState::Done => GREEN,
                StepState::ToDo => YELLOW,
                StepState::Cannot => RED,
            };
            let state = paint(style, planned.state.as_str());
            vec![result.host.clone(), planned.step.as_str().to_owned(), state, one_line(&planned.detail)]
        });
        let nothing = result.bootstrap.is_none().then(|| {
            let word = paint(outcome_style(result.outcome), result.outcome);
            let why = result.reason.as_deref().map(one_line).unwrap_or_default();
            vec![result.host.clone(), "-".to_owned(), word, why]
        });
        steps.chain(nothing).collect::<Vec<_>>()
    });
    table(&["host", "step", "state", ""], rows) + &problems(results)
}

/// Formats how the steps of each host ended.
#[must_use]
pub fn bootstrap_reports(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let report = result.bootstrap.iter().flat_map(|view| &view.report);
        let ended = |end: StepEnd| {
            let steps: Vec<&str> =
                report.clone().filter(|each| each.end == end).map(|each| each.step.as_str()).collect();
            (!steps.is_empty()).then(|| format!("{}: {}", end.as_str(), steps.join(", ")))
        };
        let ends = [StepEnd::Done, StepEnd::Failed, StepEnd::Undone, StepEnd::Left];
        let text: Vec<String> = ends.into_iter().filter_map(ended).collect();
        let why = result.reason.as_deref().map(one_line).unwrap_or_default();
        let text = if text.is_empty() { why } else { text.join("; ") };
        vec![result.host.clone(), paint(outcome_style(result.outcome), result.outcome), text]
    });
    table(&["host", "outcome", ""], rows) + &problems(results)
}

/// Formats the keys that hosts offer and that nobody has agreed to yet.
#[must_use]
pub fn offers(offers: &[Offer]) -> String {
    let rows = offers.iter().filter(|offer| offer.is_open()).filter_map(|offer| {
        let key = offer.key()?;
        let note = if offer.pinned == Pinned::Other {
            paint(RED, "differs from the recorded key")
        } else {
            String::new()
        };
        Some(vec![offer.host.name.clone(), kind(&key.key), one_line(&key.fingerprint), note])
    });
    let table = table(&["host", "key", "fingerprint", ""], rows);
    format!(
        "{table}\nCompare each fingerprint with the one that the console of the host shows:\n  ssh-keygen -lf \
         /etc/ssh/ssh_host_ed25519_key.pub\n"
    )
}

/// Formats which keys were recorded.
#[must_use]
pub fn adopted(results: &[HostResult], dry_run: bool) -> String {
    let rows = results.iter().map(|result| {
        let key = result.host_key.as_ref();
        let word = match result.outcome {
            Outcome::Ok if dry_run => paint(YELLOW, "not recorded"),
            Outcome::Ok => paint(GREEN, "recorded"),
            Outcome::Unchanged => paint(GREEN, "recorded already"),
            Outcome::Blocked => paint(RED, "not agreed"),
            other => paint(outcome_style(other), other),
        };
        let known = key.is_some_and(|key| key.is_known);
        vec![
            result.host.clone(),
            key.map_or_else(|| "-".to_owned(), |key| kind(&key.key)),
            key.map_or_else(|| "-".to_owned(), |key| one_line(&key.fingerprint)),
            word,
            if known { "in your known_hosts".to_owned() } else { String::new() },
        ]
    });
    table(&["host", "key", "fingerprint", "", ""], rows) + &problems(results)
}

fn kind(key: &str) -> String {
    one_line(key.split(' ').next().unwrap_or_default())
}

fn problems(results: &[HostResult]) -> String {
    let mut text = String::new();
    for result in results {
        if let Some(problem) = &result.problem {
            let _ = write!(text, "\n{}\n{}", paint(BOLD, &result.host), indented(&problem_text(problem)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::problem::{Code, Problem};
    use nixfleet_operator::bootstrap::{PlannedStep, Reported, Step};
    use nixfleet_operator::host_result::BootstrapView;

    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn planned(step: Step, state: StepState, detail: &str) -> PlannedStep {
        PlannedStep { step, state, detail: detail.to_owned(), help: None }
    }

    fn host(name: &str, steps: Vec<PlannedStep>, report: Vec<Reported>, outcome: Outcome) -> HostResult {
        let bootstrap = Some(Box::new(BootstrapView { steps, report }));
        HostResult { bootstrap, ..HostResult::new(name, outcome) }
    }

    #[test]
    fn a_plan_shows_each_step_with_its_reason() {
        let done = planned(Step::Platform, StepState::Done, "Debian GNU/Linux 13 (trixie), x86_64-linux");
        let to_do = planned(Step::User, StepState::ToDo, "create deploy");
        let cannot = planned(Step::Platform, StepState::Cannot, "systemd does not run\u{1b}[2J");
        let problem = Problem::new(Code::Bootstrap, "the host cannot be prepared").because("no systemd");
        let refused = host("web-2", vec![cannot], Vec::new(), Outcome::Blocked);
        let all = [
            host("web-1", vec![done, to_do], Vec::new(), Outcome::Ok),
            HostResult { problem: Some(problem), ..refused },
            HostResult::failed("web-3", Problem::new(Code::Unreachable, "the host cannot be reached")),
        ];
        expect_test::expect![[r"
            host   step      state
            web-1  platform  done already  Debian GNU/Linux 13 (trixie), x86_64-linux
            web-1  user      to do         create deploy
            web-2  platform  cannot        systemd does not run␛[2J
            web-3  -         unreachable

            web-2
              [NF-309] the host cannot be prepared
                why: no systemd

            web-3
              [NF-301] the host cannot be reached
        "]]
        .assert_eq(&plain(&bootstrap_plans(&all)));
    }

    #[test]
    fn a_report_says_what_was_undone() {
        let ended = |step, end| Reported { step, end };
        let report = vec![
            ended(Step::Packages, StepEnd::Done),
            ended(Step::User, StepEnd::Failed),
            ended(Step::User, StepEnd::Undone),
            ended(Step::Packages, StepEnd::Undone),
        ];
        let all = [host("web-1", Vec::new(), report, Outcome::RolledBack)];
        expect_test::expect![[r"
            host   outcome
            web-1  rolled-back  done: packages; failed: user; undone: user, packages
        "]]
        .assert_eq(&plain(&bootstrap_reports(&all)));
    }
}
