//! The verdict on a host, computed from its health check results.

use super::check::OnCheckFailure;
use super::result::CheckResult;
use crate::outcome::{Outcome, ReasonCode};
use crate::problem::{Code, Problem};

/// The verdict on a host, computed from its health check results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthVerdict {
    /// The most severe `on_failure` setting of the failed checks; `None` if all checks passed.
    worst: Option<OnCheckFailure>,
    /// The problem to report; `None` if all checks passed.
    problem: Option<Problem>,
}

impl HealthVerdict {
    /// Computes the verdict for the results of a host.
    #[must_use]
    pub fn on(results: &[CheckResult]) -> Self {
        let failed: Vec<&CheckResult> = results.iter().filter(|result| !result.passed).collect();
        let worst = failed.iter().map(|result| result.on_failure).max();
        Self { worst, problem: worst.map(|_| problem(&failed)) }
    }

    /// Returns whether a failed check requires that the change is undone.
    #[must_use]
    pub fn is_to_undo(&self) -> bool {
        self.worst == Some(OnCheckFailure::Rollback)
    }

    /// Returns the outcome of the host if the change is not undone. `good` is the outcome if all checks
    /// passed.
    #[must_use]
    pub const fn outcome(&self, good: Outcome) -> Outcome {
        match self.worst {
            None => good,
            Some(OnCheckFailure::Continue) => Outcome::Partial,
            Some(OnCheckFailure::Stop | OnCheckFailure::Rollback) => Outcome::Failed,
        }
    }

    /// Returns the reason code for [`Outcome::Partial`]; `None` if [`Self::outcome`] returns another outcome.
    #[must_use]
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        match self.worst {
            Some(OnCheckFailure::Continue) => Some(ReasonCode::HealthChecks),
            Some(OnCheckFailure::Stop | OnCheckFailure::Rollback) | None => None,
        }
    }

    /// Returns a problem that lists the failed checks and what each of them found; `None` if all checks
    /// passed.
    #[must_use]
    pub fn into_problem(self) -> Option<Problem> {
        self.problem
    }
}

fn problem(failed: &[&CheckResult]) -> Problem {
    let names: Vec<&str> = failed.iter().map(|result| &*result.name).collect();
    let what = match names.as_slice() {
        [only] => format!("health check {only} failed"),
        several => format!("{} health checks failed: {}", several.len(), several.join(", ")),
    };
    let why = |result: &&CheckResult| {
        let by = attempted(result);
        if failed.len() == 1 {
            format!("{} ({by})", result.detail)
        } else {
            format!("{}: {} ({by})", result.name, result.detail)
        }
    };
    let why: Vec<String> = failed.iter().map(why).collect();
    Problem::new(Code::HealthCheck, what)
        .because(why.join("\n"))
        .help("run `nixfleet check` to show the current results, fix the cause, then apply again")
}

/// Describes what a check tested, from which machine, how often and for how long.
fn attempted(result: &CheckResult) -> String {
    let probe = match &result.tried {
        Some(tried) => format!("{} {tried}", result.kind),
        None => result.kind.clone(),
    };
    let (seconds, tenths) = (result.duration_ms / 1000, result.duration_ms / 100 % 10);
    let times = match result.attempts {
        0 => "not tried".to_owned(),
        1 => format!("1 attempt in {seconds}.{tenths} s"),
        several => format!("{several} attempts in {seconds}.{tenths} s"),
    };
    format!("{probe} from the {}, {times}", result.from.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Side;

    fn result(name: &str, passed: bool, on_failure: OnCheckFailure) -> CheckResult {
        CheckResult {
            name: name.parse().unwrap(),
            kind: "tcp".to_owned(),
            tried: Some("localhost port 80".to_owned()),
            from: Side::Host,
            on_failure,
            passed,
            attempts: 2,
            duration_ms: 2345,
            detail: "Connection refused".to_owned(),
        }
    }

    #[test]
    fn the_gravest_failure_decides() {
        let (good, told) =
            (result("a", true, OnCheckFailure::Rollback), result("b", false, OnCheckFailure::Continue));
        let (stop, undo) =
            (result("c", false, OnCheckFailure::Stop), result("d", false, OnCheckFailure::Rollback));
        let on = |results: &[&CheckResult]| {
            let verdict =
                HealthVerdict::on(&results.iter().map(|result| (*result).clone()).collect::<Vec<_>>());
            (verdict.is_to_undo(), verdict.outcome(Outcome::Ok))
        };
        assert_eq!(on(&[&good]), (false, Outcome::Ok));
        assert_eq!(on(&[&good, &told]), (false, Outcome::Partial));
        assert_eq!(on(&[&told, &stop]), (false, Outcome::Failed));
        assert_eq!(on(&[&undo, &told]), (true, Outcome::Failed));
    }

    #[test]
    fn the_problem_says_what_each_check_found() {
        let one = HealthVerdict::on(&[result("web", false, OnCheckFailure::Stop)]).into_problem().unwrap();
        expect_test::expect![[r#"
            [NF-418] health check web failed
              why: Connection refused (tcp localhost port 80 from the host, 2 attempts in 2.3 s)
              help: run `nixfleet check` to show the current results, fix the cause, then apply again"#]]
        .assert_eq(&one.to_string());
        let results =
            [result("web", false, OnCheckFailure::Stop), result("db", false, OnCheckFailure::Continue)];
        expect_test::expect![[r#"
            [NF-418] 2 health checks failed: web, db
              why: web: Connection refused (tcp localhost port 80 from the host, 2 attempts in 2.3 s)
                     db: Connection refused (tcp localhost port 80 from the host, 2 attempts in 2.3 s)
              help: run `nixfleet check` to show the current results, fix the cause, then apply again"#]]
        .assert_eq(&HealthVerdict::on(&results).into_problem().unwrap().to_string());
        assert_eq!(HealthVerdict::on(&[]).into_problem(), None);
        let old = CheckResult { tried: None, attempts: 0, ..result("web", false, OnCheckFailure::Stop) };
        let why = HealthVerdict::on(&[old]).into_problem().unwrap().why.unwrap();
        assert_eq!(why, "Connection refused (tcp from the host, not tried)");
    }
}
