//! Why a unit is not where it should be, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;

use super::order::JobPhase;
use super::verb::Verb;
use super::{QUERY_LIMIT, UnitState};
use crate::host::clock::Since;
use crate::host::command::{self, Finished};

/// Finds the first unit that a call did not bring where it should be.
pub(super) fn judge(
    phase: &JobPhase<'_>,
    states: &BTreeMap<UnitName, UnitState>,
    finished: &Finished,
    since: Since,
) -> Result<(), Problem> {
    for unit in &phase.units {
        let state = states.get(*unit).cloned().unwrap_or_default();
        if let Some(why) = fault(phase.verb, &state) {
            let messages = last_messages(unit, since);
            // What never came to run left no messages, and systemctl knows why.
            let told = if messages.is_empty() && !finished.success() {
                format!("\n{}", finished.why())
            } else {
                messages
            };
            return Err(blame(phase.verb, unit, &state, &format!("{why}{told}"), finished.success()));
        }
    }
    if finished.success() {
        return Ok(());
    }
    let names: Vec<&str> = phase.units.iter().map(|unit| &***unit).collect();
    Err(failed(phase.verb, &names.join(", "), &finished.why()))
}

/// Finds the first unit that did not stay up.
pub(super) fn still_up(
    states: &BTreeMap<UnitName, UnitState>,
    units: &[&UnitName],
    since: Since,
) -> Result<(), Problem> {
    for unit in units {
        let state = states.get(*unit).cloned().unwrap_or_default();
        if let Some(why) = fault(Verb::Start, &state) {
            let why = format!("{why}{}", last_messages(unit, since));
            return Err(blame(Verb::Start, unit, &state, &why, true));
        }
    }
    Ok(())
}

/// Says which unit a call waited for until its time was over.
pub(super) fn late(
    phase: &JobPhase<'_>,
    states: &BTreeMap<UnitName, UnitState>,
    limit: Duration,
    since: Since,
) -> Problem {
    let verb = phase.verb;
    let faulty = phase.units.iter().find_map(|unit| {
        let state = states.get(*unit)?;
        fault(verb, state).or_else(|| state.is_moving().then(|| standing(state))).map(|why| (*unit, why))
    });
    let Some((unit, why)) = faulty.or_else(|| phase.units.first().map(|unit| (*unit, String::new()))) else {
        return Problem::new(Code::Unit, "systemd took too long");
    };
    let problem = Problem::new(Code::Unit, format!("Unit {unit} did not {} in time", verb.as_str()))
        .at(unit)
        .because(format!("{why} after {} seconds{}", limit.as_secs(), last_messages(unit, since)));
    let option = format!("nixfleet.systemd.units.\"{unit}\".startTimeout");
    problem.help(match verb {
        Verb::Stop => format!(
            "look at `journalctl -n 50 -u {unit}` on the host for what keeps it; TimeoutStopSec= in its [Service] section \
             says when systemd kills it"
        ),
        _ => format!(
            "look at `journalctl -n 50 -u {unit}` on the host for what keeps it. Where it needs that long, allow it more: \
             {option} = {};",
            (limit.as_secs() * 2).max(60)
        ),
    })
}

/// Why a unit is not where it should be after a job; nothing where it is.
fn fault(verb: Verb, state: &UnitState) -> Option<String> {
    let good = match verb {
        Verb::Stop => !state.is_up(),
        _ if state.sub.starts_with("auto-restart") => false,
        _ if verb.brings_up() && kept_ending(state) => false,
        _ if state.active == "active" => true,
        // It ran and ended, or its conditions did not hold, or it ended for want of work and is started again
        // by what it waits for.
        _ => {
            let may_rest = state.is_oneshot() || !state.condition || !state.triggered_by.is_empty();
            state.active == "inactive" && state.result == "success" && may_rest
        }
    };
    (!good).then(|| standing(state))
}

/// How a unit stands, in words.
#[must_use]
pub fn standing(state: &UnitState) -> String {
    let UnitState { active, sub, result, .. } = state;
    let how = if result.is_empty() { String::new() } else { format!(", result {result}") };
    format!("it is {active} ({sub}){how}")
}

/// A service that ends and is started again over and over is up at many an instant, until systemd gives it
/// up. Systemd counts those starts, anew with each that was asked for.
fn kept_ending(state: &UnitState) -> bool {
    state.result == "start-limit-hit" || (state.restarts > 0 && !state.is_oneshot())
}

/// `started`: the job itself succeeded, so that what came to a bad end had begun.
fn blame(verb: Verb, unit: &UnitName, state: &UnitState, why: &str, started: bool) -> Problem {
    let again = state.sub.starts_with("auto-restart") || kept_ending(state);
    if !(verb.brings_up() && started && again) {
        return failed(verb, unit, why);
    }
    let times = match state.restarts {
        0 => "it ended and is about to be started again".to_owned(),
        1 => "it ended and was started again".to_owned(),
        times => format!("it ended and was started again {times} times"),
    };
    let end = if state.is_failed() { ", until systemd gave it up (StartLimitBurst=)" } else { "" };
    Problem::new(Code::RestartStorm, format!("Unit {unit} does not stay up"))
        .at(unit)
        .because(format!("{times}{end}; {why}"))
        .help(format!(
            "look at `journalctl -n 50 -u {unit}` on the host for why it ends, correct it, then apply again"
        ))
}

fn failed(verb: Verb, unit: &str, why: &str) -> Problem {
    Problem::new(Code::Unit, format!("Unit {unit} did not {}", verb.as_str()))
        .at(unit)
        .because(why)
        .help(format!("look at `journalctl -n 50 -u {unit}` on the host, correct the unit, then apply again"))
}

/// The last lines about a unit since a time, each on a line of its own; empty where there are none.
fn last_messages(unit: &str, since: Since) -> String {
    let since = format!("--since=@{}", since.seconds());
    let argv = ["journalctl", "--no-pager", "-q", "-n", "20", "-o", "cat", &since, "-u", unit];
    let Ok(finished) = command::run(&argv, QUERY_LIMIT) else { return String::new() };
    let printable =
        |line: &str| line.replace('\t', "  ").chars().filter(|c| !c.is_control()).collect::<String>();
    finished.stdout.lines().flat_map(|line| ["\n".to_owned(), printable(line)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(active: &str, sub: &str, service_type: &str, result: &str) -> UnitState {
        UnitState {
            active: active.to_owned(),
            sub: sub.to_owned(),
            service_type: service_type.to_owned(),
            result: result.to_owned(),
            condition: true,
            ..UnitState::default()
        }
    }

    #[test]
    fn a_unit_is_judged_by_where_it_ended() {
        assert_eq!(fault(Verb::Start, &state("active", "running", "simple", "success")), None);
        assert_eq!(fault(Verb::Start, &state("inactive", "dead", "oneshot", "success")), None);
        assert!(fault(Verb::Start, &state("inactive", "dead", "simple", "success")).is_some());
        assert!(fault(Verb::Start, &state("activating", "auto-restart", "simple", "exit-code")).is_some());
        assert!(fault(Verb::Start, &state("failed", "failed", "oneshot", "exit-code")).is_some());
        assert_eq!(fault(Verb::Stop, &state("failed", "failed", "simple", "timeout")), None);
        assert!(fault(Verb::Stop, &state("active", "running", "simple", "success")).is_some());
    }

    #[test]
    fn a_service_behind_a_socket_may_end_for_want_of_work() {
        let idle = UnitState {
            triggered_by: vec!["web.socket".to_owned()],
            ..state("inactive", "dead", "simple", "success")
        };
        assert_eq!(fault(Verb::Start, &idle), None);
    }

    #[test]
    fn a_service_that_was_started_again_did_not_stay_up() {
        let unit: UnitName = "web.service".parse().unwrap();
        let up_again = UnitState { restarts: 2, ..state("active", "running", "simple", "success") };
        assert!(fault(Verb::Start, &up_again).is_some());
        assert_eq!(blame(Verb::Start, &unit, &up_again, "", true).code, Code::RestartStorm);
        let tried_twice = UnitState { restarts: 1, ..state("inactive", "dead", "oneshot", "success") };
        assert_eq!(fault(Verb::Start, &tried_twice), None);
        let given_up = state("failed", "failed", "simple", "start-limit-hit");
        assert_eq!(blame(Verb::Start, &unit, &given_up, "", true).code, Code::RestartStorm);
        let failed = state("failed", "failed", "simple", "exit-code");
        assert_eq!(blame(Verb::Start, &unit, &failed, "", true).code, Code::Unit);
        let never_ready = state("activating", "auto-restart", "notify", "exit-code");
        assert_eq!(blame(Verb::Start, &unit, &never_ready, "", false).code, Code::Unit);
        assert_eq!(blame(Verb::Start, &unit, &never_ready, "", true).code, Code::RestartStorm);
    }
}
