//! How units stand, as `systemctl show` tells it.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;
use serde::{Deserialize, Serialize};

use super::{Systemd, query};

/// What is asked about each unit.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,Type,Result,ConditionResult,TriggeredBy,\
                          Triggers,InvocationID,NRestarts,User,Job,CanStart,CanStop,CanReload,FragmentPath,DropInPaths,OnFailure,\
                          Requires,Wants,BindsTo,Upholds,RequiredBy,RequisiteOf,BoundBy,ConsistsOf,PropagatesStopTo,\
                          Conflicts,ConflictedBy";
/// Dependencies of others on a unit that have systemd stop these others when it stops the unit.
const STOP_ALONG: [&str; 5] = ["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"];
/// Dependencies that have systemd stop the one when it starts the other.
const CONFLICTS: [&str; 2] = ["Conflicts", "ConflictedBy"];
/// Dependencies of a unit on others that have systemd start these others with it, or after it failed.
const PULLS_IN: [&str; 6] = ["Requires", "Wants", "BindsTo", "Upholds", "Triggers", "OnFailure"];

/// A unit as systemd shows it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitState {
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// `SubState`: `running`, `dead`, `auto-restart` …
    pub sub: String,
    /// `Type` of a service, `oneshot` for one; empty for other units.
    pub service_type: String,
    /// `Result` of the last run, `success` where all is well.
    pub result: String,
    /// Whether its conditions held when it was last started.
    pub condition: bool,
    /// Timers, sockets and paths that start it.
    pub triggered_by: Vec<String>,
    /// What it starts, if it is a timer, socket or path.
    pub triggers: Vec<String>,
    /// Identifies one run of the unit; another run has another.
    pub invocation: String,
    /// How often systemd started it again by itself since it was last asked to.
    #[serde(default)]
    pub restarts: u32,
    /// It cannot be started, since somebody masked it.
    #[serde(default)]
    pub masked: bool,
    /// The account a service runs as, as its unit says; empty for root.
    #[serde(default)]
    pub user: String,
    /// The name systemd knows it by, where it was asked for by an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UnitName>,
    /// What systemd refuses to do to it when asked.
    #[serde(default, skip_serializing_if = "Refuses::is_nothing")]
    pub refuses: Refuses,
    /// Systemd is about to do something to it.
    #[serde(skip)]
    pub has_job: bool,
    /// There is no such unit on the host.
    #[serde(skip)]
    pub absent: bool,
    /// The file it is read from; empty where there is none.
    #[serde(skip)]
    pub fragment: String,
    /// Drop-ins that it is read from besides.
    #[serde(skip)]
    pub drop_ins: Vec<String>,
    /// Units that systemd stops when it stops this one.
    #[serde(skip)]
    pub stop_along: Vec<UnitName>,
    /// Units that cannot run while this one does.
    #[serde(skip)]
    pub conflicts: Vec<UnitName>,
    /// Units that systemd starts with it, or after it failed.
    #[serde(skip)]
    pub pulls_in: Vec<UnitName>,
}

/// What systemd refuses to do to a unit when asked: by `RefuseManualStart=` and `RefuseManualStop=`, or
/// because a unit of its kind cannot do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuses {
    /// To start it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start: bool,
    /// To stop it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop: bool,
    /// To reload it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reload: bool,
}

impl Refuses {
    const NOTHING: Self = Self { start: false, stop: false, reload: false };

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }
}

impl UnitState {
    /// Whether it runs, or is about to.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading" | "refreshing")
    }

    /// Whether it failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.active == "failed"
    }

    /// Whether it does a piece of work and ends, rather than stay up.
    #[must_use]
    pub fn is_oneshot(&self) -> bool {
        self.service_type == "oneshot"
    }

    /// Whether it is on its way from one state to another. Waiting to be started again is no way.
    pub(super) fn is_moving(&self) -> bool {
        self.sub != "auto-restart"
            && matches!(self.active.as_str(), "activating" | "deactivating" | "reloading" | "refreshing")
    }
}

impl Systemd {
    /// Asks for the state of units, of all loaded instances and members where a template or a family is
    /// named, and of what sockets start. A unit that was named by an alias is there under both its names.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::Unit`] where systemd does not answer.
    pub fn show(self, units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let mut states = Self::show_named(units)?;
        let sockets = states.iter().filter(|(unit, _)| unit.suffix() == "socket");
        let behind: BTreeSet<UnitName> = sockets
            .flat_map(|(_, state)| &state.triggers)
            .filter_map(|service| service.parse().ok())
            .filter(|service: &UnitName| !states.contains_key(service) && !service.is_template())
            .collect();
        states.extend(Self::show_named(&behind.iter().collect::<Vec<_>>())?);
        let by_id = states.values().filter_map(|state| Some((state.id.clone()?, state.clone())));
        for (id, state) in by_id.collect::<Vec<_>>() {
            states.entry(id).or_insert(UnitState { id: None, ..state });
        }
        Ok(states)
    }

    fn show_named(units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        if units.is_empty() {
            return Ok(BTreeMap::new());
        }
        let plain: Vec<&UnitName> = units.iter().copied().filter(|unit| !unit.is_template()).collect();
        let instances: Vec<String> = units.iter().filter_map(|unit| unit.pattern()).collect();
        let names = plain.iter().map(|unit| &***unit).chain(instances.iter().map(String::as_str));
        let words: Vec<&str> = ["show", "--no-pager", PROPERTIES, "--"].into_iter().chain(names).collect();
        let finished = query(&words, &[])?;
        Ok(parse(&finished.stdout, &plain).collect())
    }
}

/// Blocks stand in the order asked for; instances of templates follow.
fn parse<'a>(text: &'a str, plain: &'a [&UnitName]) -> impl Iterator<Item = (UnitName, UnitState)> + 'a {
    blocks(text).enumerate().filter_map(|(index, block)| {
        let id = block.get("Id").parse::<UnitName>().ok();
        let name = plain.get(index).map(|name| (*name).clone()).or_else(|| id.clone())?;
        let loaded = block.get("LoadState") == "loaded";
        let refuses = |property: &str| loaded && block.get(property) == "no";
        let state = UnitState {
            active: block.get("ActiveState").to_owned(),
            sub: block.get("SubState").to_owned(),
            service_type: block.get("Type").to_owned(),
            result: block.get("Result").to_owned(),
            condition: block.get("ConditionResult") != "no",
            triggered_by: block.words("TriggeredBy"),
            triggers: block.words("Triggers"),
            invocation: block.get("InvocationID").to_owned(),
            restarts: block.get("NRestarts").parse().unwrap_or_default(),
            masked: block.get("LoadState") == "masked",
            user: block.get("User").to_owned(),
            id: id.filter(|id| *id != name),
            refuses: Refuses {
                start: refuses("CanStart"),
                stop: refuses("CanStop"),
                reload: refuses("CanReload"),
            },
            has_job: !matches!(block.get("Job"), "" | "0"),
            absent: block.get("LoadState") == "not-found",
            fragment: block.get("FragmentPath").to_owned(),
            drop_ins: block.words("DropInPaths"),
            stop_along: block.units(&STOP_ALONG),
            conflicts: block.units(&CONFLICTS),
            pulls_in: block.units(&PULLS_IN),
        };
        Some((name, state))
    })
}

/// The properties of one unit.
pub(super) struct Block<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Block<'a> {
    /// The value of a property; empty where the unit has none of that name.
    pub(super) fn get(&self, key: &str) -> &'a str {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// The units that properties name.
    fn units(&self, keys: &[&str]) -> Vec<UnitName> {
        let words = keys.iter().flat_map(|key| self.get(key).split_whitespace());
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// The words of a property.
    pub(super) fn words(&self, key: &str) -> Vec<String> {
        self.get(key).split_whitespace().map(str::to_owned).collect()
    }
}

/// What `systemctl show` prints, unit by unit.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    blocks.map(|block| Block(block.lines().filter_map(|line| line.split_once('=')).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_matched_by_order_and_instances_by_name() {
        let web: UnitName = "web.service".parse().unwrap();
        let text = "Id=canonical.service\nActiveState=active\nSubState=running\nType=simple\nResult=success\n\
                    ConditionResult=yes\nTriggeredBy=web.timer web.socket\nTriggers=\nInvocationID=ab\nNRestarts=3\n\
                    User=web\nCanStop=no\nBoundBy=own.service\n\n\
                    Id=job@a.service\nActiveState=inactive\nSubState=dead\nConditionResult=no\nLoadState=masked\n";
        let states: BTreeMap<_, _> = parse(text, &[&web]).collect();
        assert_eq!(states[&web].triggered_by, ["web.timer", "web.socket"]);
        assert!(states[&web].is_up() && states[&web].condition && !states[&web].masked);
        assert_eq!((states[&web].restarts, states[&web].user.as_str()), (3, "web"));
        assert_eq!(states[&web].id.as_deref(), Some("canonical.service"));
        assert!(!states[&web].refuses.stop && states[&web].stop_along == ["own.service".parse().unwrap()]);
        let instance: UnitName = "job@a.service".parse().unwrap();
        assert!(!states[&instance].is_up() && !states[&instance].condition && states[&instance].masked);
    }
}
