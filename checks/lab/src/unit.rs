//! The state of a systemd unit of a guest.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::guest::Guest;

/// The properties of a unit that show whether it runs, and whether it was restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `ActiveState`, such as `active`.
    pub active: String,
    /// `SubState`, such as `running`.
    pub sub: String,
    /// `UnitFileState`, such as `enabled`, or empty if there is no unit file.
    pub file: String,
    /// The id of the main process, or 0 if there is none.
    pub main_pid: u32,
    /// The time at which the unit last became active, in microseconds since the machine booted. It is 0 if
    /// the unit was never active.
    pub active_enter: u64,
}

impl Guest {
    /// Returns the state of a unit. A unit that systemd does not know is `inactive`.
    ///
    /// # Errors
    /// The guest is down.
    pub fn unit(&self, name: &str) -> Result<Unit> {
        let properties = "ActiveState,SubState,UnitFileState,MainPID,ActiveEnterTimestampMonotonic";
        let shown =
            self.program("systemctl")?.args(["show", name, "--property", properties]).run()?.success()?;
        let values: BTreeMap<_, _> = shown.stdout.lines().filter_map(|line| line.split_once('=')).collect();
        let text = |key: &str| values.get(key).copied().unwrap_or_default().to_owned();
        Ok(Unit {
            active: text("ActiveState"),
            sub: text("SubState"),
            file: text("UnitFileState"),
            // Timers and targets have no main process.
            main_pid: text("MainPID").parse().unwrap_or_default(),
            active_enter: text("ActiveEnterTimestampMonotonic")
                .parse()
                .with_context(|| format!("Unit {name}"))?,
        })
    }
}
