//! Explains why a unit is not in the expected state.

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;

use super::order::JobPhase;
use super::verb::Verb;
use super::{QUERY_LIMIT, Systemd, UnitState};
use crate::host::clock::Since;
use crate::host::command::{self, Finished};

/// Returns the problem of the first unit that did not reach the expected state in a call of `systemctl`.
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
            // A unit that did not run at all has no messages, but `systemctl` prints the reason.
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

/// Returns the problem of the first unit that did not stay up.
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

/// Returns the problem of a call that exceeded its time limit. The problem names the unit that the call was
/// waiting for.
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
        return Problem::new(Code::Unit, "systemd did not finish its jobs in time");
    };
    let problem = Problem::new(Code::Unit, format!("unit {unit} did not {} in time", verb.as_str()))
        .at(unit)
        .because(format!("{why} after {} seconds{}", limit.as_secs(), last_messages(unit, since)));
    let option = format!("nixfleet.systemd.units.\"{unit}\".startTimeout");
    problem.help(match verb {
        Verb::Stop => format!(
            "inspect `journalctl -n 50 -u {unit}` on the host, then correct the unit or set a shorter \
             TimeoutStopSec= in its [Service] section"
        ),
        _ => format!(
            "inspect `journalctl -n 50 -u {unit}` on the host; if the unit needs that long, allow more \
             time: {option} = {};",
            (limit.as_secs() * 2).max(60)
        ),
    })
}

/// Describes how a unit differs from the expected state after a job. Returns `None` if it does not differ.
fn fault(verb: Verb, state: &UnitState) -> Option<String> {
    let good = match verb {
        Verb::Stop => !state.is_up(),
        _ if state.sub.starts_with("auto-restart") => false,
        _ if verb.brings_up() && kept_ending(state) => false,
        _ if state.active == "active" => true,
        // An inactive unit is good in three cases: it is a oneshot service that has succeeded, its conditions
        // were not met, or it has ended because it was idle and a trigger will start it again.
        _ => {
            let may_rest = state.is_oneshot() || !state.condition || !state.triggered_by.is_empty();
            state.active == "inactive" && state.result == "success" && may_rest
        }
    };
    (!good).then(|| standing(state))
}

/// Describes the state of a unit for messages.
#[must_use]
pub fn standing(state: &UnitState) -> String {
    let UnitState { active, sub, result, .. } = state;
    let how = if result.is_empty() { String::new() } else { format!(", result {result}") };
    format!("it is {active} ({sub}){how}")
}

/// Whether a service has ended and was restarted automatically. Such a service is often active between two
/// restarts, until systemd gives up. systemd resets its count of restarts at each requested start.
fn kept_ending(state: &UnitState) -> bool {
    state.result == "start-limit-hit" || (state.restarts > 0 && !state.is_oneshot())
}

/// Returns the problem of a unit that is not in the expected state. `started` is whether `systemctl`
/// succeeded, which means that the unit started and failed only afterwards.
fn blame(verb: Verb, unit: &UnitName, state: &UnitState, why: &str, started: bool) -> Problem {
    let again = state.sub.starts_with("auto-restart") || kept_ending(state);
    if !(verb.brings_up() && started && again) {
        return failed(verb, unit, why);
    }
    let times = match state.restarts {
        0 => "it ended and is about to be restarted".to_owned(),
        1 => "it ended and was restarted".to_owned(),
        times => format!("it ended and was restarted {times} times"),
    };
    let end = if state.is_failed() { ", until systemd stopped restarting it (StartLimitBurst=)" } else { "" };
    Problem::new(Code::RestartStorm, format!("unit {unit} does not keep running"))
        .at(unit)
        .because(format!("{times}{end}; {why}"))
        .help(format!("inspect `journalctl -n 50 -u {unit}` on the host, correct the unit, then apply again"))
}

/// Describes units that another program found failed: the state and the last log messages of each.
#[must_use]
pub fn describe(systemd: Systemd, units: &[UnitName], since: Since) -> String {
    let states = systemd.show(&units.iter().collect::<Vec<_>>()).unwrap_or_default();
    let described = units.iter().map(|unit| {
        let state = states.get(unit).map(standing).unwrap_or_default();
        format!("{unit}: {state}{}", last_messages(unit, since))
    });
    described.collect::<Vec<_>>().join("\n")
}

fn failed(verb: Verb, unit: &str, why: &str) -> Problem {
    Problem::new(Code::Unit, format!("unit {unit} did not {}", verb.as_str()))
        .at(unit)
        .because(why)
        .help(format!("inspect `journalctl -n 50 -u {unit}` on the host, correct the unit, then apply again"))
}

/// Returns the last log messages of a unit since a time, each preceded by a line break. Returns an empty
/// string if there are none.
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
