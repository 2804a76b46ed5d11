//! The summary of the results of all hosts, as a command prints it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};

use super::style::{BOLD, DIM, YELLOW, outcome_style, paint};
use super::{indented, same_messages, table};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::{hosts, one_line, problem_text};

/// Formats a table of the outcomes of hosts, followed, for each host, by its full problem, its backups, and
/// the command that shows more about the host.
#[must_use]
pub fn results(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let problem =
            result.problem.as_ref().map(|problem| format!("[{}] {}", problem.code, one_line(&problem.what)));
        let first = problem.or(result.reason.as_deref().map(one_line));
        vec![
            result.host.clone(),
            paint(outcome_style(result.outcome), result.outcome),
            generations(result),
            first.unwrap_or_default(),
        ]
    });
    let mut text = table(&["host", "outcome", "generation", ""], rows);
    let said = |result: &HostResult| {
        let notes = notes(result, same_messages::problem(result, false).as_ref());
        (!notes.is_empty()).then(|| notes.join("\n"))
    };
    for members in same_messages::groups(results, said) {
        let names: Vec<String> = members.iter().map(|result| paint(BOLD, &result.host)).collect();
        let mut notes = match members.as_slice() {
            [only] => notes(only, only.problem.as_ref()),
            [first, ..] => notes(first, same_messages::problem(first, true).as_ref()),
            [] => Vec::new(),
        };
        notes.extend(more(&members));
        let _ = write!(text, "\n{}\n{}", names.join(", "), indented(&notes.join("\n")));
    }
    text
}

/// Returns the lines to show for a host in addition to its outcome. `problem` is shown instead of the problem
/// in `result`.
fn notes(result: &HostResult, problem: Option<&Problem>) -> Vec<String> {
    let problem = problem.into_iter().map(problem_text);
    let recovered = result.report.iter().filter_map(|report| report.recovered.as_deref());
    let backups: Vec<&String> = result.report.iter().flat_map(|report| &report.backups).collect();
    let look = (!backups.is_empty()).then(|| "see the backups: nixfleet backups list".to_owned());
    let noted = result.report.iter().flat_map(|report| report.notes.iter().cloned());
    let aside = result.report.iter().filter_map(|report| report.apt.as_ref()).flat_map(|apt| &apt.set_aside);
    let aside =
        aside.map(|file| format!("a changed configuration file stays; the one of the package is {file}"));
    problem
        .chain(noted.chain(aside).map(|note| format!("note: {}", one_line(&note))))
        .chain(recovered.map(|what| format!("recovered: {}", one_line(what))))
        .chain(backups.into_iter().map(|path| paint(YELLOW, format_args!("backup: {}", one_line(path)))))
        .chain(look)
        .collect()
}

/// Returns the command that shows the status of the hosts on which a change failed; `None` if no change
/// failed.
fn more(results: &[&HostResult]) -> Option<String> {
    let tried = results.iter().filter(|result| result.report.is_some() && !result.outcome.is_good());
    let hosts: Vec<String> = tried.map(|result| one_line(&result.host)).collect();
    (!hosts.is_empty()).then(|| format!("more: nixfleet status --host {}", hosts.join(",")))
}

/// Describes what the user can do about blocked hosts. Hosts whose problem already explains this are omitted.
pub fn after_blocked(command: &str, results: &[HostResult]) -> String {
    let is_blocked = |result: &&HostResult| {
        let code = result.problem.as_ref().map(|problem| problem.code);
        result.outcome == Outcome::Blocked && !matches!(code, Some(Code::Locked | Code::PlanOutdated))
    };
    let names: Vec<String> = results.iter().filter(is_blocked).map(|result| one_line(&result.host)).collect();
    let (verb, again) = match command {
        "rollback" => ("roll back", String::new()),
        _ => ("apply", format!(": nixfleet apply --host {}", names.join(","))),
    };
    match names.as_slice() {
        [] => String::new(),
        [name] => format!("\n{name} was blocked, and not changed: correct it, then {verb} again{again}\n"),
        several => {
            let hosts = hosts(several.len());
            format!("\n{hosts} were blocked, and not changed: correct them, then {verb} again{again}\n")
        }
    }
}

fn generations(result: &HostResult) -> String {
    let number = |generation: &Option<Generation>| {
        generation.as_ref().map_or_else(|| "none".to_owned(), |generation| generation.number.to_string())
    };
    match (&result.report, &result.plan) {
        (Some(report), _) if report.before == report.after => number(&report.after),
        (Some(report), _) => format!("{} → {}", number(&report.before), number(&report.after)),
        (None, Some(plan)) if is_unknown(result) => format!("{} → ?", number(&plan.current)),
        (None, Some(plan)) => number(&plan.current),
        (None, None) => "-".to_owned(),
    }
}

/// Returns whether the state of the host is unknown, because the connection was lost while the host was being
/// changed.
fn is_unknown(result: &HostResult) -> bool {
    result.problem.as_ref().is_some_and(|problem| problem.code == Code::BadAnswer)
}

/// Formats the last line of the output: the number of hosts with each outcome, and the duration of the
/// command.
pub fn tally(results: &[HostResult], took: Duration) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for result in results {
        *counts.entry((result.outcome, word(result))).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|((outcome, word), count)| paint(outcome_style(*outcome), format_args!("{count} {word}")))
        .collect();
    let took = paint(DIM, format_args!("in {:.1} s", took.as_secs_f64()));
    format!("{}: {} {took}", hosts(results.len()), parts.join(", "))
}

/// Returns the word for the outcome of a host. If a change was planned but not made, the word is `to change`.
fn word(result: &HostResult) -> &'static str {
    match (result.outcome, &result.plan, &result.report) {
        (Outcome::Ok, Some(plan), None) if plan.is_to_change() => "to change",
        (outcome, ..) => outcome.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::health::CheckChanges;
    use nixfleet_contract::plan::{PackageChanges, Plan};
    use serde_json::json;

    use super::*;
    use nixfleet_operator::plan_text::PlanText;

    fn reported(name: &str, outcome: Outcome, generations: (u64, u64)) -> HostResult {
        let generation =
            |number: u64| (number > 0).then(|| json!({ "number": number, "closure": "/nix/store/x" }));
        let report = json!({
            "schema": 1, "host": name, "outcome": outcome, "before": generation(generations.0),
            "after": generation(generations.1), "stepsDone": 1, "kept": ["/var/lib/nixfleet/kept/web.conf"],
            "problem": null, "recovered": null, "durationMs": 5,
        });
        HostResult { report: Some(serde_json::from_value(report).unwrap()), ..HostResult::new(name, outcome) }
    }

    #[test]
    fn each_host_says_how_it_ended_and_what_to_do_about_it() {
        let problem = Problem::new(Code::Unit, "web.service did not start")
            .at("web.service")
            .because("exit code 1\n\u{1b}[2Jsecond line")
            .help("journalctl -u web.service");
        let back = HostResult { problem: Some(problem), ..reported("web-2", Outcome::RolledBack, (2, 2)) };
        let all = [reported("web-1", Outcome::Ok, (0, 1)), back, HostResult::new("web-3", Outcome::Skipped)];
        let text = format!("{}{}\n", results(&all), tally(&all, Duration::from_millis(1234)));
        expect_test::expect![[r#"
            host   outcome      generation
            web-1  ok           none → 1
            web-2  rolled-back  2           [NF-406] web.service did not start
            web-3  skipped      -

            web-1
              backup: /var/lib/nixfleet/kept/web.conf
              see the backups: nixfleet backups list

            web-2
              [NF-406] web.service did not start
                where: web.service
                why: exit code 1
                       ␛[2Jsecond line
                help: journalctl -u web.service
              backup: /var/lib/nixfleet/kept/web.conf
              see the backups: nixfleet backups list
              more: nixfleet status --host web-2
            3 hosts: 1 ok, 1 skipped, 1 rolled-back in 1.2 s
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn nobody_claims_to_know_where_a_host_stands_that_was_lost_while_it_changed() {
        let plan = Plan {
            schema: 1,
            host: "web-1".into(),
            fingerprint: String::new(),
            interrupted: None,
            current: Some(Generation { number: 6, closure: "/nix/store/x".into() }),
            current_revision: None,
            target: "/nix/store/y".into(),
            packages: PackageChanges::default(),
            check_changes: CheckChanges::default(),
            apt: None,
            steps: Vec::new(),
            drift: Vec::new(),
            problems: Vec::new(),
            excluded: Vec::new(),
            warnings: Vec::new(),
            awaits_boot: Vec::new(),
            system: None,
            dry_activation: Vec::new(),
            lacks: vec![],
            unvalidated: false,
            health_checks: None,
            back_to: None,
            applied_as: None,
        };
        let shown = |code| {
            let plan = Some(PlanText::of(plan.clone()).unwrap());
            generations(&HostResult { plan, ..HostResult::failed("web-1", Problem::new(code, "it failed")) })
        };
        assert_eq!([shown(Code::Copy), shown(Code::BadAnswer)], ["6", "6 → ?"]);
    }

    #[test]
    fn hosts_that_cannot_be_reached_in_the_same_way_are_shown_together() {
        let lost = |host: &str, addr: &str, why: &str| {
            let problem = Problem::new(Code::Unreachable, "the host cannot be reached")
                .at(format!("{host} ({addr} port 22)"))
                .because(format!("ssh: connect to host {addr} port 22: {why}"))
                .help(format!("try it: ssh deploy@{addr} true"));
            HostResult::failed(host, problem)
        };
        let text = results(&[
            lost("web-1", "10.0.1.11", "No route to host"),
            lost("web-2", "10.0.1.12", "No route to host"),
            lost("web-3", "10.0.1.13", "Connection refused"),
        ]);
        expect_test::expect![[r#"
            host   outcome      generation
            web-1  unreachable  -           [NF-301] the host cannot be reached
            web-2  unreachable  -           [NF-301] the host cannot be reached
            web-3  unreachable  -           [NF-301] the host cannot be reached

            web-1, web-2
              [NF-301] the host cannot be reached
                why: ssh: connect to host … port 22: No route to host
                help: try it: ssh deploy@10.0.1.11 true

            web-3
              [NF-301] the host cannot be reached
                where: web-3 (10.0.1.13 port 22)
                why: ssh: connect to host 10.0.1.13 port 22: Connection refused
                help: try it: ssh deploy@10.0.1.13 true
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn after_blocked_hosts_it_is_said_what_to_do() {
        let blocked = |host: &str, code| HostResult::failed(host, Problem::new(code, "it is in the way"));
        let all = [
            blocked("web-1", Code::Conflict),
            blocked("web-2", Code::Conflict),
            blocked("db-1", Code::Locked),
        ];
        expect_test::expect![[r"

            web-1 was blocked, and not changed: correct it, then apply again: nixfleet apply --host web-1

            2 hosts were blocked, and not changed: correct them, then apply again: nixfleet apply --host web-1,web-2

            web-1 was blocked, and not changed: correct it, then roll back again
        "]]
        .assert_eq(&[
            after_blocked("apply", &all[..1]),
            after_blocked("apply", &all),
            after_blocked("rollback", &all[..1]),
            after_blocked("apply", &all[2..]),
        ].concat());
    }

    #[test]
    fn hosts_that_stopped_at_the_same_problem_are_shown_together() {
        let failed = |host: &str| {
            let problem =
                Problem::new(Code::Build, "Nix could not build the host closure").because("no such header");
            HostResult::failed(host, problem.at(format!("/nix/store/x-{host}.drv")))
        };
        let text = results(&[failed("web-1"), HostResult::new("db-1", Outcome::Skipped), failed("web-2")]);
        expect_test::expect![[r#"
            host   outcome  generation
            web-1  failed   -           [NF-202] Nix could not build the host closure
            db-1   skipped  -
            web-2  failed   -           [NF-202] Nix could not build the host closure

            web-1, web-2
              [NF-202] Nix could not build the host closure
                why: no such header
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
