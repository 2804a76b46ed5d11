//! A systemd unit of a guest, as systemd tells it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::guest::Guest;

/// What tells whether a unit runs, and whether it was restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `ActiveState`, such as `active`.
    pub active: String,
    /// `SubState`, such as `running`.
    pub sub: String,
    /// `UnitFileState`, such as `enabled`; empty where there is no unit file.
    pub file: String,
    /// The main process; 0 if there is none.
    pub main_pid: u32,
    /// When it last became active, in microseconds since the machine booted; 0 if never.
    pub active_enter: u64,
}

impl Guest {
    /// The unit of this name; one that systemd does not know is `inactive`.
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
            // Timers and targets have no process.
            main_pid: text("MainPID").parse().unwrap_or_default(),
            active_enter: text("ActiveEnterTimestampMonotonic")
                .parse()
                .with_context(|| format!("Unit {name}"))?,
        })
    }
}
