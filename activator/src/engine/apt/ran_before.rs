//! The units that ran before apt, and that are down after it because a script of a package has stopped them.
//! Their record is on disk while dpkg may change packages, so the run after one that was killed knows them.

use std::collections::BTreeMap;

use nixfleet_contract::apt::plan::AptPlan;
use nixfleet_contract::apt::running::UnitEffect;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;
use serde::{Deserialize, Serialize};

use crate::host::systemd::{Running, Systemd, UnitState, Verb, standing};
use crate::host::{HOME, Host, boot, transient};

/// The name of the record under [`HOME`].
pub const RECORD: &str = "ran-before-apt.json";

/// The units that run before a phase of apt.
pub struct RanBefore {
    systemd: Option<Systemd>,
    units: BTreeMap<UnitName, RanUnit>,
}

/// A unit that runs before a phase of apt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RanUnit {
    /// Whether the unit is one of a package that changes.
    is_of_plan: bool,
}

/// The record of these units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RanRecord {
    /// The schema version, always [`RanRecord::SCHEMA`].
    schema: u32,
    /// The boot in which the units ran.
    boot_id: String,
    /// The units.
    units: BTreeMap<UnitName, RanUnit>,
}

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

impl RanRecord {
    /// The schema that this activator writes and reads.
    const SCHEMA: u32 = 1;

    /// Reads the record of a host. Returns `None` if no phase of apt was interrupted.
    fn read(host: &Host) -> Result<Option<Self>, Problem> {
        let unreadable = |why: String| {
            Problem::new(Code::State, "the record of the units that ran before apt cannot be read")
                .at(format!("{HOME}/{RECORD}"))
                .because(why)
                .help("start the services that are down on the host, then move the record away")
        };
        host.read_versioned(RECORD, Self::SCHEMA).map_err(unreadable)
    }

    /// Returns the units that an interrupted run has left to start. A boot has ended all units, and has
    /// started the enabled ones. `enabled`: whether a unit is enabled.
    fn left(self, boot_id: &str, enabled: impl Fn(&UnitName) -> bool) -> BTreeMap<UnitName, RanUnit> {
        let Self { units, boot_id: of_units, .. } = self;
        if of_units == boot_id && !boot_id.is_empty() {
            return units;
        }
        let units = units.into_keys().filter(|unit| enabled(unit));
        units.map(|unit| (unit, RanUnit::default())).collect()
    }
}

impl RanBefore {
    /// Lists the running units that have a unit file, and the units that an interrupted run has left. A
    /// transient unit ends by itself, and nothing can start it again. A unit that the plan stops is not
    /// listed.
    ///
    /// # Errors
    /// [`Code::Unit`] if systemd does not answer, or [`Code::State`] if the record cannot be read.
    pub fn list(host: &Host, plan: &AptPlan) -> Result<Self, Problem> {
        let Self { systemd, mut units } = Self::left(host)?;
        let Some(systemd) = systemd else { return Ok(Self { systemd, units }) };
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
        for unit in running.into_keys().filter(has_file) {
            units.entry(unit).or_default();
        }
        add_effects(&mut units, plan);
        Ok(Self { systemd: Some(systemd), units })
    }

    /// Returns the units that an interrupted run has left; none if no run was interrupted.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub fn left(host: &Host) -> Result<Self, Problem> {
        let systemd = Systemd::of(host);
        let (Some(systemd), Some(record)) = (systemd, RanRecord::read(host)?) else {
            return Ok(Self { systemd, units: BTreeMap::new() });
        };
        let states = systemd.show(&record.units.keys().collect::<Vec<_>>())?;
        let enabled = |unit: &UnitName| states.get(unit).is_some_and(|state| state.enabled);
        Ok(Self { systemd: Some(systemd), units: record.left(&boot::id(host), enabled) })
    }

    /// Writes the record to disk, before dpkg may change anything.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::DiskFull`].
    pub fn write(&self, host: &Host) -> Result<(), Problem> {
        let (schema, boot_id, units) = (RanRecord::SCHEMA, boot::id(host), self.units.clone());
        host.write_record(RECORD, &RanRecord { schema, boot_id, units })
    }

    /// Starts the units again that apt has stopped, and removes the record. Returns notes about these units,
    /// and about the units that are not started again.
    ///
    /// # Errors
    /// [`Code::Unit`] if systemd does not answer. The record then stays.
    pub fn bring_back(self, host: &Host) -> Result<Vec<String>, Problem> {
        let notes = self.start()?;
        if is_left(host) {
            host.remove_record(RECORD)?;
        }
        Ok(notes)
    }

    fn start(self) -> Result<Vec<String>, Problem> {
        let Self { systemd: Some(systemd), units } = self else { return Ok(Vec::new()) };
        let now = systemd.running()?;
        let gone: Vec<&UnitName> = units.keys().filter(|unit| !now.contains_key(*unit)).collect();
        let (mut start, mut notes) = (Vec::new(), Vec::new());
        let states = systemd.at_rest(&gone)?;
        for (unit, state) in gone.into_iter().filter_map(|unit| Some((unit, states.get(unit)?))) {
            match afterwards(state, &now, units.get(unit).is_some_and(|ran| ran.is_of_plan)) {
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

/// Whether an interrupted run has left a record of units.
#[must_use]
pub fn is_left(host: &Host) -> bool {
    !matches!(host.read_record(RECORD), Ok(None))
}

/// Marks the units of packages that a plan changes, and removes those that the plan stops.
fn add_effects(units: &mut BTreeMap<UnitName, RanUnit>, plan: &AptPlan) {
    let effect_on = |unit: &UnitName| plan.running.iter().find(|it| it.unit == *unit).map(|it| it.effect);
    units.retain(|unit, ran| {
        let effect = effect_on(unit);
        ran.is_of_plan |= effect.is_some();
        effect != Some(UnitEffect::Stops)
    });
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

fn down(unit: &UnitName, why: &str) -> String {
    format!("{unit} ran before apt and no longer runs: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        name.parse().unwrap()
    }

    #[test]
    fn units_that_an_interrupted_run_has_left_are_read_from_its_record() {
        let directory = tempfile::TempDir::new().unwrap();
        let host = Host::open(directory.path()).unwrap();
        assert_eq!(RanRecord::read(&host).unwrap(), None);
        host.create_home().unwrap();
        let of_plan = RanUnit { is_of_plan: true };
        let units = BTreeMap::from([(unit("app.service"), of_plan), (unit("o.service"), RanUnit::default())]);
        RanBefore { systemd: None, units: units.clone() }.write(&host).unwrap();
        let record = RanRecord::read(&host).unwrap().unwrap();
        assert_eq!(record.units, units);

        let record = RanRecord { boot_id: "b".to_owned(), ..record };
        assert_eq!(record.clone().left("b", |_| false), units);
        // A boot starts the enabled units only, so only such a unit is missing after it.
        let left = record.left("c", |name| *name == unit("app.service"));
        assert_eq!(left, [(unit("app.service"), RanUnit::default())].into());
        // An unknown boot may be any.
        let unknown = RanRecord { schema: 1, boot_id: String::new(), units };
        assert!(unknown.left("", |_| false).is_empty());

        host.write_record(RECORD, &serde_json::json!({ "schema": 2, "bootId": "", "units": {} })).unwrap();
        assert_eq!(RanRecord::read(&host).unwrap_err().code, Code::State);
    }

    #[test]
    fn a_unit_that_the_plan_stops_is_not_expected_to_run_afterwards() {
        let effect = |unit: &str, effect: &str| {
            let (unit, effect) = (unit.to_owned(), effect.to_owned());
            serde_json::json!({ "unit": unit, "package": "app", "effect": effect })
        };
        let running = [effect("app.service", "mayRestart"), effect("old.service", "stops")];
        let plan = serde_json::json!({ "fingerprint": "f", "packages": [], "running": running });
        let plan: AptPlan = serde_json::from_value(plan).unwrap();
        let units = ["app.service", "old.service", "other.service"];
        let mut units = units.map(|name| (unit(name), RanUnit::default())).into();
        add_effects(&mut units, &plan);
        let expected = [("app.service", true), ("other.service", false)];
        assert_eq!(units, expected.map(|(name, is_of_plan)| (unit(name), RanUnit { is_of_plan })).into());
    }

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
