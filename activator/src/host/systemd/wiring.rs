//! Ordering, triggers and time limits of units. Only systemd knows these values, since it combines the files
//! of all units.

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::state::blocks;
use super::{query, span};

const PROPERTIES: &str =
    "--property=ActiveState,After,TriggeredBy,TimeoutStartUSec,TimeoutStopUSec,TimeoutUSec";

/// The start limit for units without a limit in systemd, such as oneshot services.
const ENDLESS_START: Duration = Duration::from_secs(300);
/// The stop limit for units without a limit in systemd. It equals systemd's default limit for a stop.
const ENDLESS_STOP: Duration = Duration::from_secs(90);
/// The number of times that systemd may wait for its full stop limit: after the stop command, after `SIGTERM`
/// and after `SIGKILL`.
const ENDS_OF_A_STOP: u32 = 3;
/// The extra time to wait for a unit after systemd's own time limit. If systemd's limit passes first, systemd
/// reports the reason in more detail.
const MARGIN: Duration = Duration::from_secs(5);

/// The ordering, triggers and time limits of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wire {
    /// Whether the unit is running, so that a restart stops it first.
    pub(super) is_up: bool,
    /// Units that are started before this unit, and stopped after this unit.
    pub(super) after: Vec<String>,
    /// Timers, sockets and paths that start this unit.
    pub(super) triggered_by: Vec<String>,
    /// The start limit of systemd for this unit, or `None` if the time is unlimited.
    start: Option<Duration>,
    /// The stop limit of systemd for this unit, or `None` if the time is unlimited.
    stop: Option<Duration>,
}

impl Wire {
    /// Returns how long to wait for the unit to start.
    pub(super) fn start_limit(&self) -> Duration {
        self.start.map_or(ENDLESS_START, |own| own.saturating_add(MARGIN))
    }

    /// Returns how long to wait for the unit to stop.
    pub(super) fn stop_limit(&self) -> Duration {
        self.stop.unwrap_or(ENDLESS_STOP).saturating_mul(ENDS_OF_A_STOP).saturating_add(MARGIN)
    }
}

/// Queries the ordering, triggers and time limits of units with one call of `systemctl`.
pub(super) fn of<'a>(units: &[&'a UnitName]) -> Result<BTreeMap<&'a UnitName, Wire>, Problem> {
    let finished = query(&["show", "--no-pager", PROPERTIES, "--"], units)?;
    let wires = blocks(&finished.stdout).map(|block| {
        // Mounts and sockets have one limit for both starts and stops.
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
