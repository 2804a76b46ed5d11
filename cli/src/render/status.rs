//! The output of `nixfleet status`.

use std::time::Duration;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nixfleet_contract::health::Checked;
use nixfleet_contract::plan::Drift;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::status::{Status, UnitStatus};

use super::generation::made;
use super::style::{BOLD, DIM, GREEN, RED, YELLOW, outcome_style, paint};
use super::{health, indented, same_messages, table};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::{hosts, one_line, problem_text};

/// Formats a table of all hosts, followed by details about each host that is not as it should be.
#[must_use]
pub fn statuses(results: &[HostResult], verbose: bool) -> String {
    statuses_in(results, verbose, &TimeZone::system())
}

fn statuses_in(results: &[HostResult], verbose: bool, zone: &TimeZone) -> String {
    let rows = results.iter().map(|result| {
        let status = result.status.as_ref();
        let count =
            |of: fn(&Status) -> usize| status.map_or_else(|| "-".to_owned(), |status| of(status).to_string());
        let generation = status.and_then(|status| status.current.as_ref());
        vec![
            result.host.clone(),
            {
                let (style, word) = state(result);
                paint(style, word)
            },
            generation.map_or_else(|| "-".to_owned(), |generation| generation.number.to_string()),
            count(|status| drift(status).len()),
            count(|status| down(status).count()),
            count(|status| status.backups.len()),
        ]
    });
    let table = table(&["host", "state", "generation", "drift", "units down", "backups"], rows);
    let said = |result: &HostResult| {
        let own = if verbose && result.problem.is_none() { result.host.as_str() } else { "" };
        details(result, same_messages::problem(result, false), verbose, zone)
            .map(|text| format!("{own}\n{text}"))
    };
    let details = same_messages::groups(results, said).into_iter().filter_map(|members| {
        let names: Vec<String> = members.iter().map(|result| paint(BOLD, &result.host)).collect();
        let text = match members.as_slice() {
            [only] => details(only, only.problem.clone(), verbose, zone),
            [first, ..] => details(first, same_messages::problem(first, true), verbose, zone),
            [] => None,
        };
        text.map(|text| format!("\n{}\n{text}", names.join(", ")))
    });
    format!("{table}{}", details.collect::<String>())
}

/// Returns the current time, in seconds since 1970-01-01 UTC.
fn now() -> u64 {
    Timestamp::now().as_second().try_into().unwrap_or_default()
}

/// Formats the last line of the output: the number of hosts in each state, and the duration of the command.
pub fn tally_of_statuses(results: &[HostResult], took: Duration) -> String {
    let mut counts: Vec<(Style, &str, usize)> = Vec::new();
    for result in results {
        let (style, word) = state(result);
        match counts.iter_mut().find(|(_, known, _)| *known == word) {
            Some((.., count)) => *count += 1,
            None => counts.push((style, word, 1)),
        }
    }
    let counts: Vec<String> =
        counts.into_iter().map(|(style, word, count)| paint(style, format_args!("{count} {word}"))).collect();
    let took = paint(DIM, format_args!("in {:.1} s", took.as_secs_f64()));
    format!("\n{}: {} {took}\n", hosts(results.len()), counts.join(", "))
}

fn state(result: &HostResult) -> (Style, &str) {
    match (&result.status, &result.problem) {
        (_, Some(_)) => (outcome_style(result.outcome), result.outcome.as_str()),
        (None, None) => (YELLOW, "unmanaged"),
        (Some(status), None) if status.current.is_none() => (YELLOW, "unmanaged"),
        (Some(_), None) if other_name(result).is_some() => (RED, "other host"),
        (Some(status), None) if status.interrupted.is_some() => (RED, "interrupted"),
        (Some(status), None) if status.locked_by.is_some() => (YELLOW, "busy"),
        (Some(status), None) if down(status).next().is_some() => (RED, "units down"),
        (Some(status), None) if !status.drift.is_empty() => (YELLOW, "drift"),
        (Some(status), None) if unhealthy(status).is_some() => (RED, "unhealthy"),
        (Some(_), None) => (GREEN, "managed"),
    }
}

/// Returns the host name in the manifest that was last applied, if this name differs from the name in the
/// inventory.
fn other_name(result: &HostResult) -> Option<&str> {
    let name = result.status.as_ref()?.host.as_deref()?;
    (name != result.host).then_some(name)
}

/// Returns the health check results of the generation in force, if any of these checks failed.
fn unhealthy(status: &Status) -> Option<&Checked> {
    let failed = |checked: &&Checked| checked.results.iter().any(|result| !result.passed);
    checked(status).filter(failed)
}

/// Returns the health check results of the generation in force, if there are any.
fn checked(status: &Status) -> Option<&Checked> {
    let checked = status.health_checks.as_ref();
    checked.filter(|checked| Some(&checked.generation) == status.current.as_ref())
}

/// Returns the drift to show. While a run is in progress, differences are expected, so none are shown.
fn drift(status: &Status) -> &[Drift] {
    if status.locked_by.is_some() { &[] } else { &status.drift }
}

/// Returns the managed units that have failed, and the units that are not running and that the host reports
/// as drift. Other inactive units are fine, such as the service of a timer. While a run is in progress, units
/// may be down for a moment, so none are returned.
fn down(status: &Status) -> impl Iterator<Item = &UnitStatus> {
    let should_run = |unit: &UnitStatus| drift(status).iter().any(|drift| drift.subject == *unit.unit);
    let is_up = |unit: &UnitStatus| {
        matches!(unit.active.as_str(), "active" | "activating" | "reloading" | "refreshing")
    };
    let units = if status.locked_by.is_some() { &[] } else { status.units.as_slice() };
    units.iter().filter(move |unit| unit.active == "failed" || !is_up(unit) && should_run(unit))
}

/// Formats the details of a host. `problem` is shown instead of the problem in `result`.
fn details(result: &HostResult, problem: Option<Problem>, verbose: bool, zone: &TimeZone) -> Option<String> {
    let mut lines: Vec<String> = result.reason.iter().map(|reason| one_line(reason)).collect();
    if let Some(problem) = problem {
        lines.push(problem_text(&problem));
    }
    lines.extend(other_name(result).map(|name| {
        let name = one_line(name);
        format!(
            "the last apply to this host was made under the name {name}: the addresses of two hosts may have \
             been swapped in the inventory"
        )
    }));
    if let Some(status) = &result.status {
        let mut say = |line: String| lines.push(one_line(&line));
        if let Some(what) = &status.interrupted {
            say(format!("interrupted: {what}; the next apply recovers it"));
        }
        if let Some(who) = &status.locked_by {
            say(format!("busy: {who}; drift and units are shown after this run"));
        }
        if let Some(task) = &status.to_finish {
            say(format!("note: {task}"));
        }
        for last in status.last.iter().filter(|last| verbose || !last.report.outcome.is_good()) {
            say(format!("last run: {}", last.line(now())));
            last.report.notes.iter().for_each(|note| say(format!("note: {note}")));
        }
        for run in status.last.iter().filter(|_| verbose).flat_map(|last| &last.earlier) {
            say(format!("before that: {}", run.line(now())));
        }
        for drift in drift(status) {
            say(format!("drift: {}: {}", drift.subject, drift.what));
        }
        if drift(status).iter().any(|drift| drift.subject == Drift::RUNNING_SYSTEM) {
            let host = &result.host;
            say("to keep the running system, add its changes to the fleet, then apply".to_owned());
            say(format!("to return to the system of the fleet, apply: nixfleet apply --host {host}"));
        }
        down(status).map(unit_line).for_each(&mut say);
        if let Some(checked) = checked(status).filter(|_| verbose).or_else(|| unhealthy(status)) {
            say(format!("health checks {} s ago:", now().saturating_sub(checked.at)));
            health::lines(&checked.results, verbose).into_iter().for_each(&mut say);
        }
        for path in &status.backups {
            say(format!("backup: {path}"));
        }
        if !status.backups.is_empty() {
            say("see the backups: nixfleet backups list".to_owned());
        }
        if verbose {
            let running = status.units.iter().filter(|unit| !down(status).any(|down| down.unit == unit.unit));
            running.map(unit_line).for_each(&mut say);
            lines.extend(status.generations.iter().map(|info| {
                let current =
                    status.current.as_ref().is_some_and(|current| current.number == info.generation.number);
                let mark = if current { " (current)" } else { "" };
                let (made, closure) = (made(info, zone), one_line(&info.generation.closure));
                format!("generation {}{mark}: {made}\n  {closure}", info.generation.number)
            }));
        }
    }
    if lines.is_empty() {
        return None;
    }
    Some(indented(&lines.join("\n")))
}

fn unit_line(unit: &UnitStatus) -> String {
    format!("unit: {}: {} ({})", unit.unit, unit.active, unit.sub)
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::Code;
    use serde_json::{Value, json};

    use super::*;

    /// Returns the result for a managed host without any problem. The fields in `given` replace fields of the
    /// status.
    fn host(name: &str, given: &Value) -> HostResult {
        let mut status = json!({
            "schema": 1, "host": name, "current": { "number": 2, "closure": "/nix/store/b" },
            "generations": [
                { "number": 1, "closure": "/nix/store/a", "created": 0 },
                { "number": 2, "closure": "/nix/store/b", "created": 1_795_874_602, "by": "ada@desk",
                  "revision": "4f2c9d1-dirty" },
            ],
            "drift": [], "units": [{ "unit": "web.service", "active": "active", "sub": "running" }],
            "kept": [], "interrupted": null, "lockedBy": null,
        });
        for (key, value) in given.as_object().unwrap() {
            status[key] = value.clone();
        }
        let status = serde_json::from_value(status).unwrap();
        HostResult { status: Some(status), ..HostResult::new(name, Outcome::Ok) }
    }

    fn shown(results: &[HostResult], verbose: bool) -> String {
        anstream::adapter::strip_str(&statuses_in(results, verbose, &TimeZone::UTC)).to_string()
    }

    #[test]
    fn every_state_has_a_word_and_whatever_is_wrong_is_told() {
        let failed = json!([{ "unit": "web.service", "active": "failed", "sub": "failed" }]);
        let drift = json!([{ "subject": "/etc/web.conf", "what": "content edited" }]);
        let unreachable =
            Problem::new(Code::Unreachable, "the host cannot be reached").because("No route to host");
        let resting = Some("maintenance: new disks".to_owned());
        let results = vec![
            host("good", &json!({})),
            host("edited", &json!({ "drift": drift, "kept": ["/var/lib/nixfleet/kept/a"] })),
            host("failing", &json!({ "units": failed })),
            host("busy", &json!({ "drift": drift, "lockedBy": "ada@desk has been running apply for 8 s" })),
            host("cut-off", &json!({ "interrupted": "an apply of generation 3" })),
            host("swapped", &json!({ "host": "other" })),
            HostResult::new("new", Outcome::Ok),
            HostResult { reason: resting, ..HostResult::failed("down", unreachable) },
        ];
        expect_test::expect![[r#"
            host     state        generation  drift  units down  backups
            good     managed      2           0      0           0
            edited   drift        2           1      0           1
            failing  units down   2           0      1           0
            busy     busy         2           0      0           0
            cut-off  interrupted  2           0      0           0
            swapped  other host   2           0      0           0
            new      unmanaged    -           -      -           -
            down     unreachable  -           -      -           -

            edited
              drift: /etc/web.conf: content edited
              backup: /var/lib/nixfleet/kept/a
              see the backups: nixfleet backups list

            failing
              unit: web.service: failed (failed)

            busy
              busy: ada@desk has been running apply for 8 s; drift and units are shown after this run

            cut-off
              interrupted: an apply of generation 3; the next apply recovers it

            swapped
              the last apply to this host was made under the name other: the addresses of two hosts may have been swapped in the inventory

            down
              maintenance: new disks
              [NF-301] the host cannot be reached
                why: No route to host
        "#]]
        .assert_eq(&shown(&results, false));
    }

    #[test]
    fn a_system_that_another_tool_activated_comes_with_what_to_do() {
        let what = "/nix/store/a → /nix/store/b; another tool, such as nixos-rebuild, made generation 3";
        let drift = json!([{ "subject": "/run/current-system", "what": what }]);
        expect_test::expect![[r"
            host  state  generation  drift  units down  backups
            db-9  drift  2           1      0           0

            db-9
              drift: /run/current-system: /nix/store/a → /nix/store/b; another tool, such as nixos-rebuild, made generation 3
              to keep the running system, add its changes to the fleet, then apply
              to return to the system of the fleet, apply: nixfleet apply --host db-9
        "]]
        .assert_eq(&shown(&[host("db-9", &json!({ "drift": drift }))], false));
    }

    #[test]
    fn a_failed_unit_of_a_host_that_changes_is_not_down_yet() {
        let units = json!([{ "unit": "web.service", "active": "failed", "sub": "failed" }]);
        let text = shown(&[host("web-1", &json!({ "units": units, "lockedBy": "ada@desk" }))], false);
        assert!(!text.contains("web.service"), "{text}");
    }

    #[test]
    fn the_task_that_finishes_a_change_is_told() {
        let results = [
            host("restart", &json!({ "toFinish": { "restart": ["kernel", "initrd"] } })),
            host("repeat", &json!({ "toFinish": "repeat" })),
        ];
        expect_test::expect![[r#"
            host     state    generation  drift  units down  backups
            restart  managed  2           0      0           0
            repeat   managed  2           0      0           0

            restart
              note: restart the host to finish: new kernel, initrd

            repeat
              note: the boot default is another system: repeat the apply or rollback to make the running system the boot default
        "#]]
        .assert_eq(&shown(&results, false));
    }

    #[test]
    fn units_that_should_run_and_do_not_are_down() {
        let drift = json!([
            { "subject": "top.service", "what": "not running" },
            { "subject": "own.service", "what": "failed" },
            { "subject": "/etc/web.conf", "what": "content edited" },
        ]);
        let units = json!([
            { "unit": "web.service", "active": "active", "sub": "running" },
            { "unit": "top.service", "active": "inactive", "sub": "dead" },
            { "unit": "own.service", "active": "failed", "sub": "failed" },
            { "unit": "backup.service", "active": "inactive", "sub": "dead" },
        ]);
        expect_test::expect![[r#"
            host   state       generation  drift  units down  backups
            web-1  units down  2           3      2           0

            web-1
              drift: top.service: not running
              drift: own.service: failed
              drift: /etc/web.conf: content edited
              unit: top.service: inactive (dead)
              unit: own.service: failed (failed)
        "#]]
        .assert_eq(&shown(&[host("web-1", &json!({ "drift": drift, "units": units }))], false));
    }

    #[test]
    fn hosts_that_stand_alike_are_shown_together_and_all_are_counted() {
        let lost = |host: &str, addr: &str| {
            let why = format!("ssh: connect to host {addr} port 22: No route to host");
            HostResult::failed(
                host,
                Problem::new(Code::Unreachable, "the host cannot be reached").because(why),
            )
        };
        let results =
            [host("a", &json!({})), lost("b-1", "10.0.1.1"), lost("b-2", "10.0.1.2"), host("c", &json!({}))];
        let text =
            format!("{}{}", shown(&results, true), tally_of_statuses(&results, Duration::from_millis(840)));
        expect_test::expect![[r#"
            host  state        generation  drift  units down  backups
            a     managed      2           0      0           0
            b-1   unreachable  -           -      -           -
            b-2   unreachable  -           -      -           -
            c     managed      2           0      0           0

            a
              unit: web.service: active (running)
              generation 1: made 1970-01-01 00:00
                /nix/store/a
              generation 2 (current): made 2026-11-28 14:03 by ada@desk from 4f2c9d1-dirty
                /nix/store/b

            b-1, b-2
              [NF-301] the host cannot be reached
                why: ssh: connect to host … port 22: No route to host

            c
              unit: web.service: active (running)
              generation 1: made 1970-01-01 00:00
                /nix/store/a
              generation 2 (current): made 2026-11-28 14:03 by ada@desk from 4f2c9d1-dirty
                /nix/store/b

            4 hosts: 2 managed, 2 unreachable in 0.8 s
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn all_generations_and_units_are_shown_where_more_is_asked_for() {
        expect_test::expect![[r#"
            host   state    generation  drift  units down  backups
            web-1  managed  2           0      0           0

            web-1
              unit: web.service: active (running)
              generation 1: made 1970-01-01 00:00
                /nix/store/a
              generation 2 (current): made 2026-11-28 14:03 by ada@desk from 4f2c9d1-dirty
                /nix/store/b
        "#]]
        .assert_eq(&shown(&[host("web-1", &json!({}))], true));
    }
}
