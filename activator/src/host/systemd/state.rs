//! How units stand, as `systemctl show` tells it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Systemd, query};
use crate::problem::Problem;
use crate::values::UnitName;

/// What is asked about each unit.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,Type,Result,ConditionResult,TriggeredBy,\
                          Triggers,InvocationID,NRestarts,User";

/// A unit as systemd shows it.
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
    /// Asks for the state of units, of all running instances where a template is named, and of what sockets start.
    ///
    /// # Errors
    /// [`crate::problem::Code::Unit`] where systemd does not answer.
    pub fn show(self, units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let mut states = Self::show_named(units)?;
        let sockets = states.iter().filter(|(unit, _)| unit.suffix() == "socket");
        let behind: BTreeSet<UnitName> = sockets
            .flat_map(|(_, state)| &state.triggers)
            .filter_map(|service| service.parse().ok())
            .filter(|service: &UnitName| !states.contains_key(service) && !service.is_template())
            .collect();
        states.extend(Self::show_named(&behind.iter().collect::<Vec<_>>())?);
        Ok(states)
    }

    fn show_named(units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        if units.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (templates, plain): (Vec<&UnitName>, Vec<&UnitName>) =
            units.iter().partition(|unit| unit.is_template());
        let instances: Vec<String> =
            templates.iter().map(|template| template.replacen("@.", "@*.", 1)).collect();
        let names = plain.iter().map(|unit| &***unit).chain(instances.iter().map(String::as_str));
        let words: Vec<&str> = ["show", "--no-pager", PROPERTIES, "--"].into_iter().chain(names).collect();
        let finished = query(&words, &[])?;
        Ok(parse(&finished.stdout, &plain).collect())
    }
}

/// Blocks stand in the order asked for; instances of templates follow.
fn parse<'a>(text: &'a str, plain: &'a [&UnitName]) -> impl Iterator<Item = (UnitName, UnitState)> + 'a {
    blocks(text).enumerate().filter_map(|(index, block)| {
        let name = plain.get(index).map(|name| (*name).clone()).or_else(|| block.get("Id").parse().ok())?;
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
                    User=web\n\n\
                    Id=job@a.service\nActiveState=inactive\nSubState=dead\nConditionResult=no\nLoadState=masked\n";
        let states: BTreeMap<_, _> = parse(text, &[&web]).collect();
        assert_eq!(states[&web].triggered_by, ["web.timer", "web.socket"]);
        assert!(states[&web].is_up() && states[&web].condition && !states[&web].masked);
        assert_eq!((states[&web].restarts, states[&web].user.as_str()), (3, "web"));
        let instance: UnitName = "job@a.service".parse().unwrap();
        assert!(!states[&instance].is_up() && !states[&instance].condition && states[&instance].masked);
    }
}
