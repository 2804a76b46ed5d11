//! What units wait for, what starts them, and how long that may take: what matters for jobs, and only systemd
//! knows, since it has read the files of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::state::blocks;
use super::{query, span};

const PROPERTIES: &str =
    "--property=ActiveState,After,TriggeredBy,TimeoutStartUSec,TimeoutStopUSec,TimeoutUSec";

/// How long a start may take that systemd itself gives all the time there is, as it does for a oneshot.
const ENDLESS_START: Duration = Duration::from_secs(300);
/// The same for a stop: systemd's own default for stops that have an end.
const ENDLESS_STOP: Duration = Duration::from_secs(90);
/// A stop has three ends one after the other: that of the stop command, of the polite signal, of the last
/// one.
const ENDS_OF_A_STOP: u32 = 3;
/// How much later than systemd we give a unit up: systemd says more about why.
const MARGIN: Duration = Duration::from_secs(5);

/// One unit among others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wire {
    /// Whether something of it runs, so that a restart has to stop it first.
    pub(super) is_up: bool,
    /// Units that are started before it, and stopped after it.
    pub(super) after: Vec<String>,
    /// Timers, sockets and paths that start it.
    pub(super) triggered_by: Vec<String>,
    /// How long systemd gives it to start; nothing for as long as it takes.
    start: Option<Duration>,
    /// The same for a stop.
    stop: Option<Duration>,
}

impl Wire {
    /// How long to wait for it to start.
    pub(super) fn start_limit(&self) -> Duration {
        self.start.map_or(ENDLESS_START, |own| own.saturating_add(MARGIN))
    }

    /// How long to wait for it to stop.
    pub(super) fn stop_limit(&self) -> Duration {
        self.stop.unwrap_or(ENDLESS_STOP).saturating_mul(ENDS_OF_A_STOP).saturating_add(MARGIN)
    }
}

/// Asks how units hang together. One call for all.
pub(super) fn of<'a>(units: &[&'a UnitName]) -> Result<BTreeMap<&'a UnitName, Wire>, Problem> {
    let finished = query(&["show", "--no-pager", PROPERTIES, "--"], units)?;
    let wires = blocks(&finished.stdout).map(|block| {
        // Mounts and sockets have one limit for both.
        let limit = |own: &str| match block.get(own) {
            "" => span::parse(block.get("TimeoutUSec")),
            text => span::parse(text),
        };
        Wire {
            is_up: !matches!(block.get("ActiveState"), "inactive" | "failed"),
            after: block.words("After"),
            triggered_by: block.words("TriggeredBy"),
            start: limit("TimeoutStartUSec"),
            stop: limit("TimeoutStopUSec"),
        }
    });
    Ok(units.iter().copied().zip(wires).collect())
}

#[cfg(test)]
impl Wire {
    pub(super) fn after(units: &[&str]) -> Self {
        Self { after: units.iter().map(ToString::to_string).collect(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_gives_a_unit_up_before_we_do() {
        let seconds = Duration::from_secs;
        let wire = Wire { start: Some(seconds(90)), stop: Some(seconds(10)), ..Wire::default() };
        assert!(wire.start_limit() > seconds(90) && wire.stop_limit() > seconds(30));
        assert_eq!(Wire::default().start_limit(), ENDLESS_START);
        assert!(Wire::default().stop_limit() > ENDLESS_STOP);
    }
}
