//! The output of `nixfleet check`, and the lines about health checks in other output.

use nixfleet_contract::health::CheckResult;

use super::style::{GREEN, RED, YELLOW, paint};
use super::{results, table};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::one_line;

/// Formats a table of all checks of all hosts, followed by the problems of the hosts that returned no
/// results. With `verbose`, the details of passed checks are shown too.
#[must_use]
pub fn health(hosts: &[HostResult], verbose: bool) -> String {
    let rows = hosts.iter().flat_map(|host| rows(host, verbose));
    let table = table(&["host", "check", "kind", "from", "state", "attempts", "took", ""], rows);
    let without: Vec<HostResult> = hosts
        .iter()
        .filter(|host| host.health_checks.is_empty() && host.problem.is_some())
        .cloned()
        .collect();
    if without.is_empty() { table } else { format!("{table}\n{}", results(&without)) }
}

fn rows(host: &HostResult, verbose: bool) -> Vec<Vec<String>> {
    if host.health_checks.is_empty() {
        let state = if host.problem.is_some() { "unknown" } else { "no checks" };
        let state = paint(YELLOW, state);
        let none = || "-".to_owned();
        return vec![vec![host.host.clone(), none(), none(), none(), state, none(), none(), String::new()]];
    }
    host.health_checks.iter().map(|result| row(&host.host, result, verbose)).collect()
}

fn row(host: &str, result: &CheckResult, verbose: bool) -> Vec<String> {
    let (style, state) = if result.passed { (GREEN, "passed") } else { (RED, "failed") };
    let detail = if result.passed && !verbose { String::new() } else { finding(result) };
    vec![
        host.to_owned(),
        one_line(&result.name),
        one_line(&result.kind),
        result.from.as_str().to_owned(),
        paint(style, state),
        result.attempts.to_string(),
        took(result),
        one_line(detail.lines().next().unwrap_or_default()),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "nobody reads so many digits")]
fn took(result: &CheckResult) -> String {
    format!("{:.1} s", result.duration_ms as f64 / 1000.0)
}

/// Formats each failed health check of a host as one line. With `verbose`, passed checks are included.
pub fn lines(found: &[CheckResult], verbose: bool) -> Vec<String> {
    let told = found.iter().filter(|result| verbose || !result.passed);
    told.map(|result| {
        let state = if result.passed { "passed" } else { "failed" };
        format!("health check {}: {state}: {}", result.name, finding(result))
    })
    .collect()
}

/// Describes what a check tested, and what it found.
fn finding(result: &CheckResult) -> String {
    match &result.tried {
        Some(tried) => format!("{tried}: {}", result.detail),
        None => result.detail.clone(),
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::{Code, Problem};
    use serde_json::json;

    use super::*;

    fn result(name: &str, passed: bool, detail: &str) -> CheckResult {
        serde_json::from_value(json!({
            "name": name, "kind": "http", "from": "host", "onFailure": "rollback", "passed": passed,
            "attempts": 3, "durationMs": 1234, "detail": detail,
        }))
        .unwrap()
    }

    #[test]
    fn a_failed_check_says_what_it_tested() {
        let tried = Some("GET http://localhost/".to_owned());
        let failed = CheckResult { tried, ..result("web", false, "Connection refused") };
        let line = "health check web: failed: GET http://localhost/: Connection refused";
        assert_eq!(lines(&[failed], false), [line]);
    }

    #[test]
    fn each_check_has_a_row_and_a_host_without_any_says_so() {
        let hosts = [
            HostResult::checked(
                "web-1",
                vec![
                    result("page", true, "status 200"),
                    result("api", false, "status \u{1b}[31m500\nand more"),
                ],
                Outcome::Ok,
            ),
            HostResult::checked("web-2", Vec::new(), Outcome::Ok),
            HostResult::failed("web-3", Problem::new(Code::Unreachable, "the host cannot be reached")),
        ];
        let shown = |verbose| anstream::adapter::strip_str(&health(&hosts, verbose)).to_string();
        expect_test::expect![[r#"
            host   check  kind  from  state      attempts  took
            web-1  page   http  host  passed     3         1.2 s  status 200
            web-1  api    http  host  failed     3         1.2 s  status ␛[31m500
            web-2  -      -     -     no checks  -         -
            web-3  -      -     -     unknown    -         -

            host   outcome      generation
            web-3  unreachable  -           [NF-301] the host cannot be reached

            web-3
              [NF-301] the host cannot be reached
        "#]]
        .assert_eq(&shown(true));
        expect_test::expect![[r#"
            host   check  kind  from  state      attempts  took
            web-1  page   http  host  passed     3         1.2 s
            web-1  api    http  host  failed     3         1.2 s  status ␛[31m500
            web-2  -      -     -     no checks  -         -
            web-3  -      -     -     unknown    -         -

            host   outcome      generation
            web-3  unreachable  -           [NF-301] the host cannot be reached

            web-3
              [NF-301] the host cannot be reached
        "#]]
        .assert_eq(&shown(false));
    }
}
