//! The states of units, read with `systemctl show`.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;
use serde::{Deserialize, Serialize};

use super::{Running, Systemd, query};

/// The properties to query for each unit.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,Type,Result,ConditionResult,ConditionTimestampMonotonic,TriggeredBy,\
                          Triggers,InvocationID,NRestarts,User,Job,UnitFileState,CanStart,CanStop,CanReload,FragmentPath,DropInPaths,OnFailure,\
                          Requires,Wants,BindsTo,Upholds,RequiredBy,RequisiteOf,BoundBy,ConsistsOf,PropagatesStopTo,\
                          Conflicts,ConflictedBy";
/// Properties that list the units which systemd stops along with a unit.
const STOP_ALONG: [&str; 5] = ["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"];
/// Properties that list the units which systemd stops when it starts a unit.
const CONFLICTS: [&str; 2] = ["Conflicts", "ConflictedBy"];
/// Properties that list the units which systemd starts along with a unit, or after the unit fails.
const PULLS_IN: [&str; 6] = ["Requires", "Wants", "BindsTo", "Upholds", "Triggers", "OnFailure"];

/// The state of a unit as systemd reports it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitState {
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// `SubState`: `running`, `dead`, `auto-restart` …
    pub sub: String,
    /// `Type` of a service, such as `oneshot`, or empty for other kinds of units.
    pub service_type: String,
    /// `Result` of the last run of the unit, `success` if that run did not fail.
    pub result: String,
    /// Whether the conditions of the unit were met at its last start.
    pub condition: bool,
    /// Whether systemd has not checked the conditions of the unit since it loaded the unit.
    #[serde(skip)]
    pub untried: bool,
    /// Timers, sockets and paths that start the unit.
    pub triggered_by: Vec<String>,
    /// Units that this unit starts, if this unit is a timer, socket or path.
    pub triggers: Vec<String>,
    /// The id of the current run of the unit, different for each run.
    pub invocation: String,
    /// How often systemd has restarted the unit automatically since the last requested start.
    #[serde(default)]
    pub restarts: u32,
    /// Whether the unit is masked, so that it cannot be started.
    #[serde(default)]
    pub masked: bool,
    /// The user that a service runs as, or empty for root.
    #[serde(default)]
    pub user: String,
    /// The primary name of the unit, if the unit was queried by an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UnitName>,
    /// Actions that systemd refuses to perform on request.
    #[serde(default, skip_serializing_if = "Refuses::is_nothing")]
    pub refuses: Refuses,
    /// Whether systemd has a pending job for the unit.
    #[serde(skip)]
    pub has_job: bool,
    /// Whether the unit does not exist on the host.
    #[serde(skip)]
    pub absent: bool,
    /// Whether the unit starts at boot: it is enabled, or made from an init script that is.
    #[serde(skip)]
    pub enabled: bool,
    /// Whether the unit cannot be enabled: it starts when something else needs it.
    #[serde(skip)]
    pub is_static: bool,
    /// The path of the unit file, or empty if there is none.
    #[serde(skip)]
    pub fragment: String,
    /// The paths of the drop-in files of the unit.
    #[serde(skip)]
    pub drop_ins: Vec<String>,
    /// Units that systemd stops along with this unit.
    #[serde(skip)]
    pub stop_along: Vec<UnitName>,
    /// Units that cannot run at the same time as this unit.
    #[serde(skip)]
    pub conflicts: Vec<UnitName>,
    /// Units that systemd starts along with this unit, or after this unit fails.
    #[serde(skip)]
    pub pulls_in: Vec<UnitName>,
}

/// Actions on a unit that systemd refuses to perform on request, because of `RefuseManualStart=` or
/// `RefuseManualStop=`, or because the kind of unit does not support them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuses {
    /// Whether a start is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start: bool,
    /// Whether a stop is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop: bool,
    /// Whether a reload is refused.
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
    /// Whether the unit is running or starting.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading" | "refreshing")
    }

    /// Whether the unit has failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.active == "failed"
    }

    /// Whether the unit is a oneshot service, which ends when its work is done.
    #[must_use]
    pub fn is_oneshot(&self) -> bool {
        self.service_type == "oneshot"
    }

    /// Returns the reason why the unit cannot be started again, or `None` if it can be started. `now`: the
    /// units that run now.
    #[must_use]
    pub fn hindrance(&self, now: &Running) -> Option<String> {
        let rival = || self.conflicts.iter().find(|unit| now.contains_key(*unit));
        if self.absent {
            Some("its unit file does not exist".to_owned())
        } else if self.masked {
            Some("it is masked".to_owned())
        } else if let Some(rival) = rival() {
            Some(format!("{rival} runs and conflicts with it (Conflicts=)"))
        } else {
            self.refuses.start.then(|| "systemd refuses to start it manually (RefuseManualStart=)".to_owned())
        }
    }

    /// Whether the unit is between two states. A unit that waits for an automatic restart does not count.
    pub(super) fn is_moving(&self) -> bool {
        self.sub != "auto-restart"
            && matches!(self.active.as_str(), "activating" | "deactivating" | "reloading" | "refreshing")
    }
}

impl Systemd {
    /// Queries the states of units, and of the services that sockets among these units start. For a template
    /// or a family of units, all loaded instances and members are returned. A unit that was queried by an
    /// alias is returned under both names.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not respond.
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

/// Parses the output of `systemctl show`. `plain`: the queried units that are not templates. The blocks of
/// these units come first, in the same order. The blocks of template instances follow.
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
            untried: block.get("ConditionTimestampMonotonic") == "0",
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
            enabled: ["enabled", "enabled-runtime", "generated"].contains(&block.get("UnitFileState")),
            is_static: ["static", "indirect", "alias"].contains(&block.get("UnitFileState")),
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
    /// Returns the value of a property, or an empty string if the unit does not have the property.
    pub(super) fn get(&self, key: &str) -> &'a str {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// Returns the units that the given properties list.
    fn units(&self, keys: &[&str]) -> Vec<UnitName> {
        let words = keys.iter().flat_map(|key| self.get(key).split_whitespace());
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Returns the words in the value of a property.
    pub(super) fn words(&self, key: &str) -> Vec<String> {
        self.get(key).split_whitespace().map(str::to_owned).collect()
    }
}

/// Splits the output of `systemctl show` into one block for each unit.
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
