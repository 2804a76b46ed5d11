//! The units that ran before apt, and that are down after it because a script of a package has stopped them.

use std::collections::BTreeSet;

use nixfleet_contract::apt::plan::AptPlan;
use nixfleet_contract::apt::running::UnitEffect;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use crate::host::Host;
use crate::host::systemd::{Running, Systemd, UnitState, Verb, standing};
use crate::host::transient;

/// The units that run before a phase of apt.
pub struct RanBefore(Option<(Systemd, BTreeSet<UnitName>)>);

/// How a unit that ran before apt is treated after it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Afterwards {
    /// The unit runs, has ended by itself, or starts as soon as something needs it.
    Nothing,
    /// The unit is started again.
    Start,
    /// The report names the unit, with the reason why it is not started again.
    Named(String),
}

impl RanBefore {
    /// Records the running units that have a unit file. A transient unit ends by itself, and nothing can
    /// start it again.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] if systemd does not answer.
    pub fn record(host: &Host) -> Result<Self, Problem> {
        let Some(systemd) = Systemd::of(host) else { return Ok(Self(None)) };
        let mut running = systemd.running()?;
        running.retain(|unit, state| {
            let stays_up = matches!(unit.suffix(), "service" | "socket" | "timer" | "path");
            // A service that is still activating does its work once.
            stays_up && state == "active" && !transient::is_run(unit)
        });
        let states = systemd.show(&running.keys().collect::<Vec<_>>())?;
        let has_file = |unit: &UnitName| {
            let fragment = states.get(unit).map_or("", |state| &state.fragment);
            !fragment.is_empty() && !fragment.starts_with("/run/systemd/transient/")
        };
        Ok(Self(Some((systemd, running.into_keys().filter(has_file).collect()))))
    }

    /// Starts the units again that apt has stopped. Returns notes about these units, and about the units that
    /// are not started again.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] if systemd does not answer.
    pub fn bring_back(self, plan: &AptPlan) -> Result<Vec<String>, Problem> {
        let Some((systemd, before)) = self.0 else { return Ok(Vec::new()) };
        let now = systemd.running()?;
        let is_gone =
            |unit: &&UnitName| !now.contains_key(*unit) && effect_on(plan, unit) != Some(UnitEffect::Stops);
        let gone: Vec<&UnitName> = before.iter().filter(is_gone).collect();
        let (mut start, mut notes) = (Vec::new(), Vec::new());
        let states = systemd.at_rest(&gone)?;
        for (unit, state) in gone.into_iter().filter_map(|unit| Some((unit, states.get(unit)?))) {
            match afterwards(state, &now, effect_on(plan, unit).is_some()) {
                Afterwards::Nothing => {}
                Afterwards::Start => start.push(unit),
                Afterwards::Named(why) => notes.push(down(unit, &why)),
            }
        }
        if start.is_empty() {
            return Ok(notes);
        }
        let failed = systemd.job(Verb::Start, &start).err();
        let states = systemd.show(&start)?;
        for unit in start {
            let state = states.get(unit).filter(|state| !state.is_up());
            notes.push(match (state, &failed) {
                (None, _) => format!("{unit} was stopped while apt worked, and was started again"),
                (Some(state), None) => down(unit, &standing(state)),
                (Some(state), Some(problem)) => {
                    down(unit, problem.why.as_deref().unwrap_or(&standing(state)))
                }
            });
        }
        Ok(notes)
    }
}

/// Decides how a unit that ran before apt is treated. `now`: the units that run now. `is_of_plan`: whether
/// the unit is one of a package that changes.
fn afterwards(state: &UnitState, now: &Running, is_of_plan: bool) -> Afterwards {
    // systemd may have unloaded a stopped unit, together with the result of its conditions.
    let is_hindered = !state.condition && !state.untried;
    if state.is_up() || !state.triggered_by.is_empty() || is_hindered {
        Afterwards::Nothing
    } else if let Some(why) = state.hindrance(now) {
        Afterwards::Named(why)
    } else if state.enabled || is_of_plan {
        Afterwards::Start
    } else if state.is_static {
        // Such a unit starts when another unit or a program needs it, and many end when they are idle.
        Afterwards::Nothing
    } else {
        // Somebody started it by hand, and it may have come to its end.
        Afterwards::Named(standing(state))
    }
}

/// Returns the effect that a plan has on a unit, if the unit is one of a package that changes.
fn effect_on(plan: &AptPlan, unit: &UnitName) -> Option<UnitEffect> {
    plan.running.iter().find(|running| running.unit == *unit).map(|running| running.effect)
}

fn down(unit: &UnitName, why: &str) -> String {
    format!("{unit} ran before apt and no longer runs: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_apt_stopped_is_started_again_or_named() {
        let stopped = UnitState { active: "inactive".to_owned(), condition: true, ..UnitState::default() };
        let enabled = UnitState { enabled: true, ..stopped.clone() };
        // A new package has replaced the unit's service by this one.
        let rival: UnitName = "rival.service".parse().unwrap();
        let now = Running::from([(rival.clone(), "active".to_owned())]);
        assert_eq!(afterwards(&enabled, &now, false), Afterwards::Start);
        assert_eq!(afterwards(&stopped, &now, true), Afterwards::Start);
        let unloaded = UnitState { condition: false, untried: true, ..stopped.clone() };
        assert!(matches!(afterwards(&stopped, &now, false), Afterwards::Named(_)));
        assert!(matches!(afterwards(&unloaded, &now, false), Afterwards::Named(_)));
        for state in [
            UnitState { active: "active".to_owned(), ..enabled.clone() },
            UnitState { triggered_by: vec!["a.socket".to_owned()], ..enabled.clone() },
            UnitState { condition: false, ..enabled.clone() },
            UnitState { is_static: true, ..stopped.clone() },
        ] {
            assert_eq!(afterwards(&state, &now, false), Afterwards::Nothing, "{state:?}");
        }
        for state in [
            UnitState { absent: true, ..stopped.clone() },
            UnitState { masked: true, ..enabled.clone() },
            UnitState { conflicts: [rival].into(), ..enabled.clone() },
            UnitState {
                refuses: crate::host::systemd::Refuses { start: true, ..Default::default() },
                ..enabled
            },
        ] {
            assert!(matches!(afterwards(&state, &now, true), Afterwards::Named(_)), "{state:?}");
        }
    }
}
