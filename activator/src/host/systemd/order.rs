//! The order in which units are started, restarted and stopped.
//!
//! `systemctl` passes units to systemd one by one, so the job of the first unit may finish before systemd
//! receives the second. Therefore, the units in the command line are sorted: each unit follows the units in
//! its `After=`.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::values::UnitName;

use super::verb::Verb;
use super::wiring::Wire;

/// One call of `systemctl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JobPhase<'a> {
    pub(super) verb: Verb,
    pub(super) units: Vec<&'a UnitName>,
}

/// Splits jobs into calls of `systemctl`, in order. The jobs must be all stops, all reloads, or a mix of
/// starts and restarts.
pub(super) fn phases<'a>(
    jobs: &[(Verb, &'a UnitName)],
    wires: &BTreeMap<&UnitName, Wire>,
) -> Vec<JobPhase<'a>> {
    if jobs.iter().any(|(verb, _)| *verb == Verb::Stop) {
        let units: Vec<&UnitName> = jobs.iter().map(|(_, unit)| *unit).collect();
        return vec![JobPhase { verb: Verb::Stop, units: stopping(&units, wires) }];
    }
    let bounced = bounced(jobs, wires);
    let first = (!bounced.is_empty()).then(|| {
        let units: Vec<&UnitName> = bounced.iter().copied().collect();
        JobPhase { verb: Verb::Stop, units: stopping(&units, wires) }
    });
    let verbs = jobs.iter().map(|(verb, unit)| {
        let verb = if bounced.contains(unit) { Verb::Start } else { *verb };
        (*unit, verb)
    });
    first.into_iter().chain(starting(verbs.collect(), wires)).collect()
}

/// Returns each running service that is restarted together with one of its sockets, and these sockets.
/// systemd cannot start a socket while its service runs, so the service and its sockets are stopped first.
fn bounced<'a>(jobs: &[(Verb, &'a UnitName)], wires: &BTreeMap<&UnitName, Wire>) -> BTreeSet<&'a UnitName> {
    let restarts = jobs.iter().filter(|(verb, _)| *verb == Verb::Restart).map(|(_, unit)| *unit);
    let mut bounced = BTreeSet::new();
    for service in restarts {
        let Some(wire) = wires.get(service).filter(|wire| wire.is_up) else { continue };
        let sockets = jobs.iter().filter(|(verb, socket)| {
            verb.brings_up()
                && socket.suffix() == "socket"
                && wire.triggered_by.iter().any(|name| name == socket.as_ref() as &str)
        });
        let sockets = sockets.map(|(_, socket)| *socket);
        let before = bounced.len();
        bounced.extend(sockets);
        if bounced.len() > before {
            bounced.insert(service);
        }
    }
    bounced
}

/// Sorts units for a stop. Sockets, timers and other triggers come first, since they could start their
/// services again. The other units follow in reverse start order.
fn stopping<'a>(units: &[&'a UnitName], wires: &BTreeMap<&UnitName, Wire>) -> Vec<&'a UnitName> {
    let all = units.iter().map(|unit| (*unit, Verb::Start)).collect();
    let ordered: Vec<&UnitName> =
        starting(all, wires).into_iter().flat_map(|phase| phase.units).rev().collect();
    let (triggers, others): (Vec<&UnitName>, Vec<&UnitName>) = ordered
        .into_iter()
        .partition(|unit| matches!(unit.suffix(), "socket" | "timer" | "path" | "automount"));
    triggers.into_iter().chain(others).collect()
}

/// Sorts each unit after the units in its `After=`, in as few calls of `systemctl` as possible. A dependency
/// cycle is broken at the unit whose name sorts first. systemd itself may break the cycle at any unit.
fn starting<'a>(
    mut left: BTreeMap<&'a UnitName, Verb>,
    wires: &BTreeMap<&UnitName, Wire>,
) -> Vec<JobPhase<'a>> {
    let before = before_each(&left, wires);
    let waits = |unit: &UnitName, left: &BTreeMap<&UnitName, Verb>| {
        before.get(unit).is_some_and(|before| before.iter().any(|unit| left.contains_key(unit)))
    };
    let mut phases: Vec<JobPhase<'a>> = Vec::new();
    while let Some(first) = left.keys().next().copied() {
        let current = phases.last().map(|phase| phase.verb);
        let ready: Vec<&UnitName> = left.keys().copied().filter(|unit| !waits(unit, &left)).collect();
        let same = ready.iter().copied().find(|unit| left.get(unit).copied() == current);
        let next = same.or_else(|| ready.first().copied()).unwrap_or(first);
        let Some(verb) = left.remove(next) else { break };
        match phases.last_mut() {
            Some(phase) if phase.verb == verb => phase.units.push(next),
            _ => phases.push(JobPhase { verb, units: vec![next] }),
        }
    }
    phases
}

/// Maps each unit to the units among `units` that must be started before this unit.
fn before_each<'a>(
    units: &BTreeMap<&'a UnitName, Verb>,
    wires: &BTreeMap<&UnitName, Wire>,
) -> BTreeMap<&'a UnitName, Vec<&'a UnitName>> {
    let known: BTreeMap<&str, &UnitName> = units.keys().map(|unit| (&***unit, *unit)).collect();
    let before = |unit: &UnitName| {
        let after = wires.get(unit).map(|wire| &wire.after).into_iter().flatten();
        after.filter_map(|name| known.get(name.as_str()).copied()).filter(|name| *name != unit).collect()
    };
    units.keys().map(|unit| (*unit, before(unit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<UnitName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// Returns one line for each call of `systemctl`, with the action and the units.
    fn calls(jobs: &[(Verb, &str)], wires: &[(&str, Wire)]) -> Vec<String> {
        let units = names(&jobs.iter().map(|(_, name)| *name).collect::<Vec<_>>());
        let known = names(&wires.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let wires = known.iter().zip(wires).map(|(name, (_, wire))| (name, wire.clone())).collect();
        let jobs: Vec<_> = jobs.iter().zip(&units).map(|((verb, _), unit)| (*verb, unit)).collect();
        let line = |phase: &JobPhase<'_>| {
            let units: Vec<&str> = phase.units.iter().map(|unit| &***unit).collect();
            format!("{} {}", phase.verb.as_str(), units.join(" "))
        };
        phases(&jobs, &wires).iter().map(line).collect()
    }

    #[test]
    fn what_comes_after_something_follows_it_and_stops_before_it() {
        let wires =
            [("a.service", Wire::after(&["c.service", "basic.target"])), ("c.service", Wire::default())];
        let jobs = [(Verb::Restart, "a.service"), (Verb::Restart, "b.service"), (Verb::Restart, "c.service")];
        assert_eq!(calls(&jobs, &wires), ["restart b.service c.service a.service"]);
        let stops = jobs.map(|(_, unit)| (Verb::Stop, unit));
        assert_eq!(calls(&stops, &wires), ["stop a.service c.service b.service"]);
    }

    #[test]
    fn starts_and_restarts_wait_for_each_other_and_only_then_are_calls_of_their_own() {
        let wires = [("web.service", Wire::after(&["db.service"]))];
        let jobs = [(Verb::Start, "db.service"), (Verb::Start, "z.service"), (Verb::Restart, "web.service")];
        assert_eq!(calls(&jobs, &wires), ["start db.service z.service", "restart web.service"]);
        assert_eq!(calls(&jobs, &[]), ["start db.service z.service", "restart web.service"]);
        let circle =
            [("db.service", Wire::after(&["web.service"])), ("web.service", Wire::after(&["db.service"]))];
        assert_eq!(calls(&jobs, &circle).concat().matches(".service").count(), 3);
    }

    #[test]
    fn a_socket_and_its_running_service_are_down_together_for_a_moment() {
        let service = |is_up| {
            let mut wire = Wire::after(&["web.socket"]);
            (wire.is_up, wire.triggered_by) = (is_up, vec!["web.socket".to_owned()]);
            wire
        };
        let jobs =
            [(Verb::Restart, "a.service"), (Verb::Restart, "web.service"), (Verb::Restart, "web.socket")];
        assert_eq!(
            calls(&jobs, &[("web.service", service(true))]),
            ["stop web.socket web.service", "restart a.service", "start web.socket web.service"]
        );
        assert_eq!(
            calls(&jobs, &[("web.service", service(false))]),
            ["restart a.service web.socket web.service"]
        );
        let starts =
            jobs.map(|(_, unit)| (if unit == "web.socket" { Verb::Start } else { Verb::Restart }, unit));
        assert_eq!(
            calls(&starts, &[("web.service", service(true))]),
            ["stop web.socket web.service", "restart a.service", "start web.socket web.service"]
        );
    }

    #[test]
    fn triggers_stop_before_what_they_start() {
        let jobs = [(Verb::Stop, "job.service"), (Verb::Stop, "job.timer")];
        assert_eq!(
            calls(&jobs, &[("job.service", Wire::after(&["job.timer"]))]),
            ["stop job.timer job.service"]
        );
    }
}
