//! The outcomes and the problems of a bootstrap that failed.

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};

use crate::bootstrap::Step;
use crate::remote::bootstrap::StepReport;

/// Returns the outcome of a host on which a step failed, or which did not pass its check.
pub(super) fn outcome_of(report: &StepReport) -> Outcome {
    use crate::bootstrap::StepEnd::{Done, Failed, Left, Undone};
    let is_undone = report.steps.iter().filter(|each| matches!(each.end, Done | Failed)).all(|each| {
        let mut ends = report.steps.iter().filter(|other| other.step == each.step);
        ends.any(|other| other.end == Undone)
    });
    let is_left = report.steps.iter().any(|each| each.end == Left);
    if is_undone && !is_left { Outcome::RolledBack } else { Outcome::Failed }
}

/// Returns the problem to report if a step failed.
pub(super) fn failed(host: &str, step: Step, report: &StepReport) -> Problem {
    let left: Vec<&str> = report.left().into_iter().map(Step::as_str).collect();
    let (what, help) = if left.is_empty() {
        (format!("the step {} failed, so all steps were undone", step.as_str()), String::new())
    } else {
        let left = left.join(", ");
        (
            format!("the step {} failed, and not everything could be undone", step.as_str()),
            format!("these steps are left on the host: {left}; "),
        )
    };
    Problem::new(Code::Bootstrap, what)
        .at(host)
        .because(report.errors.trim_end())
        .help(format!("{help}correct the cause, then run the command again"))
}

/// Returns the problem to report for a host that did not pass its check because of `problem`. `undo` is the
/// problem because of which its steps could not be undone.
pub(super) fn unverified(problem: &Problem, undo: Option<&Problem>) -> Problem {
    let what = match undo {
        None => "the prepared host did not pass its check, so all steps were undone",
        Some(_) => "the prepared host did not pass its check, and the steps could not be undone",
    };
    let mut why = problem.what.clone();
    for text in [problem.why.as_deref(), undo.map(|undo| undo.what.as_str())].into_iter().flatten() {
        why.push_str(": ");
        why.push_str(text);
    }
    let help = problem.help.as_deref().unwrap_or("correct the cause, then run the command again");
    Problem::new(Code::Bootstrap, what).because(why).help(help)
}

/// Returns the problem to report if a step did not finish, for example because its unit was killed.
pub(super) fn interrupted(step: Step, report: &StepReport) -> Problem {
    let what = if report.steps.is_empty() {
        "no step could be started on the host".to_owned()
    } else {
        format!("the step {} was interrupted on the host", step.as_str())
    };
    let problem = Problem::new(Code::Bootstrap, what);
    match report.errors.trim_end() {
        "" => problem,
        errors => problem.because(errors),
    }
}

/// Returns the problem to report for a host that did not pass its check because of `problem`, if another
/// bootstrap has done the steps.
pub(super) fn earlier_unverified(problem: &Problem) -> Problem {
    let unverified = unverified(problem, None);
    Problem {
        what: "the host did not pass its check, and the record was not completed".to_owned(),
        ..unverified
    }
}

/// Returns the problem to report for a host that did not pass its check because of `problem`, if another
/// bootstrap has recorded the change in the meantime.
pub(super) fn taken_over(problem: &Problem) -> Problem {
    let unverified = unverified(problem, None);
    let what = "the prepared host did not pass its check, and its steps stay";
    let why = unverified.why.unwrap_or_default();
    Problem::new(Code::Bootstrap, what)
        .because(format!("{why}; another bootstrap has recorded the steps meanwhile"))
        .help("run the command again; nixfleet forget undoes the steps of a bootstrap")
}

/// Returns the problem to report if the bootstrap of `owner` is open on the host.
pub(super) fn busy(host: &str, owner: &str) -> Problem {
    Problem::new(Code::Locked, "another bootstrap is changing the host")
        .at(host)
        .because(format!("it is the bootstrap of {owner}, which began after this command had asked the host"))
        .help("wait until it has ended, then run the command again")
}

/// Returns the problem to report if the open bootstrap that this command knew of is undone.
pub(super) fn gone(host: &str) -> Problem {
    Problem::new(
        Code::PlanOutdated,
        "the open bootstrap of the host was undone after this command had asked the host",
    )
    .at(host)
    .because("nothing was started")
    .help("run the command again")
}

/// Returns the problem to report for a host that did not pass its check because of `problem`, and on which no
/// step is left to undo.
pub(super) fn never_begun(problem: Problem) -> Problem {
    match problem.help {
        Some(_) => problem,
        None => problem.help("nothing was changed; correct the cause, then run the command again"),
    }
}

/// Adds what the user can do if the connection broke during the change.
pub(super) fn again(problem: Problem, host: &str) -> Problem {
    match problem.code {
        Code::Unreachable => problem.help(format!(
            "the steps continue on the host; to see and to complete them, run again: nixfleet bootstrap {host}"
        )),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{Reported, StepEnd};

    fn report(steps: &[(Step, StepEnd)]) -> StepReport {
        let steps = steps.iter().map(|(step, end)| Reported { step: *step, end: *end }).collect();
        StepReport {
            steps,
            errors: "useradd: cannot lock /etc/passwd\n".to_owned(),
            busy: None,
            is_gone: false,
        }
    }

    #[test]
    fn a_failure_is_rolled_back_only_if_every_step_is_undone() {
        use StepEnd::{Done, Failed, Left, Undone};
        let (packages, user) = (Step::Packages, Step::User);
        let all = report(&[(packages, Done), (user, Failed), (user, Undone), (packages, Undone)]);
        assert_eq!(outcome_of(&all), Outcome::RolledBack);
        let left = report(&[(packages, Done), (user, Failed), (user, Undone), (packages, Left)]);
        assert_eq!(outcome_of(&left), Outcome::Failed);
        assert_eq!(outcome_of(&report(&[(packages, Done)])), Outcome::Failed);
        expect_test::expect![[r"
            [NF-309] the step user failed, and not everything could be undone
              where: web-1
              why: useradd: cannot lock /etc/passwd
              help: these steps are left on the host: packages; correct the cause, then run the command again"]]
        .assert_eq(&failed("web-1", user, &left).to_string());
    }
}
