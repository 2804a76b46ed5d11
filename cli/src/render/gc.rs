//! The output of `nixfleet gc`.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use nixfleet_contract::gc::{Judged, Need};

use super::size::{moment, room, size};
use super::style::{BOLD, GREEN, RED, outcome_style, paint};
use super::{indented, table};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::{one_line, problem_text};

/// Formats the generations that would be dropped on each host. With `verbose`, each generation is listed.
#[must_use]
pub fn gc_plans(results: &[HostResult], verbose: bool) -> String {
    plans(results, verbose, &TimeZone::system())
}

fn plans(results: &[HostResult], verbose: bool, zone: &TimeZone) -> String {
    let rows = results.iter().map(|result| {
        let Some(gc) = &result.gc else {
            let why = result.reason.as_deref().map(one_line).unwrap_or_default();
            let word = if result.problem.is_some() { result.outcome.as_str() } else { "-" };
            let first = paint(outcome_style(result.outcome), word);
            return vec![result.host.clone(), first, why, "-".to_owned()];
        };
        let (goes, stays): (Vec<&Judged>, Vec<&Judged>) =
            gc.plan.generations.iter().partition(|judged| judged.goes());
        let goes = if goes.is_empty() { paint(GREEN, "nothing") } else { paint(RED, ranges(&goes)) };
        vec![result.host.clone(), goes, ranges(&stays), room(gc.plan.disk)]
    });
    let mut text = table(&["host", "goes", "stays", "free"], rows);
    for result in results {
        let mut lines: Vec<String> = result.problem.iter().map(problem_text).collect();
        if let Some(gc) = &result.gc {
            let interrupted = gc.plan.interrupted.iter();
            lines.extend(interrupted.map(|what| {
                format!("interrupted: {}; the interrupted run is recovered first", one_line(what))
            }));
            lines.extend(gc.plan.generations.iter().filter(|_| verbose).map(|judged| one(judged, zone)));
            lines.extend(remarkable(&gc.plan.generations).filter(|_| !verbose));
        }
        if !lines.is_empty() {
            let _ = write!(text, "\n{}\n{}", paint(BOLD, &result.host), indented(&lines.join("\n")));
        }
    }
    text
}

/// Formats the numbers of generations as ranges, such as `1–4, 6`.
fn ranges(generations: &[&Judged]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in generations.iter().map(|judged| judged.info.generation.number) {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): (u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}–{last}") }
    };
    ranges.into_iter().map(range).collect::<Vec<_>>().join(", ")
}

fn one(judged: &Judged, zone: &TimeZone) -> String {
    let info = &judged.info;
    let fate = if judged.goes() { paint(RED, "goes") } else { format!("stays: {}", reasons(judged)) };
    let (number, made) = (info.generation.number, moment(info.created, zone));
    format!("generation {number}  {made}  {}  {fate}", one_line(&info.generation.closure))
}

fn reasons(judged: &Judged) -> String {
    judged.needed.iter().map(|need| need.as_str()).collect::<Vec<_>>().join(", ")
}

/// Formats generations that are kept for a reason that users may not expect.
fn remarkable(generations: &[Judged]) -> impl Iterator<Item = String> {
    let is_plain = |need: &Need| match need {
        Need::Current | Need::Previous | Need::LastChange | Need::Newest | Need::Young => true,
        Need::Transaction | Need::Pinned | Need::PinnedRevision | Need::Rollout | Need::Other => false,
    };
    let remarkable = generations.iter().filter(move |judged| !judged.needed.iter().all(is_plain));
    remarkable
        .map(|judged| format!("generation {} stays: {}", judged.info.generation.number, reasons(judged)))
}

/// Formats how many generations were dropped on each host.
pub fn gc_reports(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let report = result.gc.as_ref().and_then(|gc| gc.report.as_ref());
        let problem =
            result.problem.as_ref().map(|problem| format!("[{}] {}", problem.code, one_line(&problem.what)));
        let freed = report.and_then(|report| report.collected).map(|collected| size(collected.freed));
        vec![
            result.host.clone(),
            paint(outcome_style(result.outcome), result.outcome),
            report.map_or_else(|| "-".to_owned(), |report| report.dropped.len().to_string()),
            freed.unwrap_or_else(|| "-".to_owned()),
            room(report.and_then(|report| report.disk)),
            problem.or(result.reason.as_deref().map(one_line)).unwrap_or_default(),
        ]
    });
    let mut text = table(&["host", "outcome", "dropped", "freed", "free now", ""], rows);
    for result in results {
        let recovered = result.gc.iter().filter_map(|gc| gc.report.as_ref()?.recovered.as_deref());
        let recovered = recovered.map(|what| format!("recovered: {}", one_line(what)));
        let problem = result.problem.iter().map(problem_text);
        let lines: Vec<String> = recovered.chain(problem).collect();
        if !lines.is_empty() {
            let _ = write!(text, "\n{}\n{}", paint(BOLD, &result.host), indented(&lines.join("\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::{Code, Problem};
    use serde_json::{Value, json};

    use super::*;
    use nixfleet_operator::host_result::GcView;

    fn host(name: &str, generations: &[(u64, &[&str])]) -> HostResult {
        let generation = |(number, needed): &(u64, &[&str])| {
            let closure = format!("/nix/store/{number}");
            json!({ "number": number, "closure": closure, "created": number * 86400, "needed": needed })
        };
        let generations: Vec<Value> = generations.iter().map(generation).collect();
        let plan = json!({
            "schema": 1, "fingerprint": "x", "at": 0, "generations": generations,
            "disk": { "free": 3_221_225_472_u64, "size": 10_737_418_240_u64 },
        });
        let gc = GcView { plan: serde_json::from_value(plan).unwrap(), report: None };
        HostResult { gc: Some(Box::new(gc)), ..HostResult::new(name, Outcome::Ok) }
    }

    fn web() -> HostResult {
        host(
            "web-1",
            &[
                (1, &[]),
                (2, &["pinned"]),
                (3, &[]),
                (4, &[]),
                (6, &["previous"]),
                (7, &["current", "newest"]),
            ],
        )
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_plan_says_which_numbers_go_and_why_an_odd_one_stays() {
        let problem = Problem::new(Code::Unreachable, "the host cannot be reached").because("\u{1b}[2J");
        let all = [web(), host("web-2", &[(1, &["current"])]), HostResult::failed("web-3", problem)];
        expect_test::expect![[r#"
            host   goes         stays   free
            web-1  1, 3–4       2, 6–7  3.0 GiB of 10.0 GiB
            web-2  nothing      1       3.0 GiB of 10.0 GiB
            web-3  unreachable          -

            web-1
              generation 2 stays: pinned in the inventory

            web-3
              [NF-301] the host cannot be reached
                why: ␛[2J
        "#]]
        .assert_eq(&plain(&plans(&all, false, &TimeZone::UTC)));
        expect_test::expect![[r#"
            host   goes    stays   free
            web-1  1, 3–4  2, 6–7  3.0 GiB of 10.0 GiB

            web-1
              generation 1  1970-01-02 00:00  /nix/store/1  goes
              generation 2  1970-01-03 00:00  /nix/store/2  stays: pinned in the inventory
              generation 3  1970-01-04 00:00  /nix/store/3  goes
              generation 4  1970-01-05 00:00  /nix/store/4  goes
              generation 6  1970-01-07 00:00  /nix/store/6  stays: rollback goes back to it
              generation 7  1970-01-08 00:00  /nix/store/7  stays: in force, among the newest
        "#]]
        .assert_eq(&plain(&plans(&[web()], true, &TimeZone::UTC)));
    }

    #[test]
    fn a_report_says_what_went_and_what_room_that_made() {
        let mut web = web();
        let report = json!({
            "schema": 1, "outcome": "ok",
            "dropped": [{ "number": 1, "closure": "/nix/store/1", "created": 1 }],
            "collected": { "paths": 3, "freed": 1_073_741_824 }, "recovered": "an interrupted run",
            "disk": { "free": 4_294_967_296_u64, "size": 10_737_418_240_u64 }, "durationMs": 5,
        });
        web.gc.as_mut().unwrap().report = Some(serde_json::from_value(report).unwrap());
        expect_test::expect![[r#"
            host   outcome  dropped  freed    free now
            web-1  ok       1        1.0 GiB  4.0 GiB of 10.0 GiB

            web-1
              recovered: an interrupted run
        "#]]
        .assert_eq(&plain(&gc_reports(&[web])));
    }
}
