//! Checks whether a host has a unit. Unit files are searched first, so that most units need no query to
//! systemd.

use std::collections::BTreeSet;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::Systemd;

/// The directories with unit files, from systemd.unit(5), and the older `/lib`. The first directory contains
/// most units.
pub const DIRECTORIES: [&str; 12] = [
    "/usr/lib/systemd/system",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
    "/run/systemd/transient",
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/etc/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
];

impl Systemd {
    /// Returns the units that do not exist on the host. A unit file for which `except` returns true counts as
    /// missing. systemd is queried only for units without a file, such as mounts that were made manually.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not respond.
    pub fn absent(
        self,
        units: BTreeSet<UnitName>,
        except: impl Fn(&str) -> bool,
    ) -> Result<BTreeSet<UnitName>, Problem> {
        let stands = |name: &str| {
            let files = DIRECTORIES.iter().map(|directory| format!("{directory}/{name}"));
            files.into_iter().any(|file| !except(&file) && std::fs::symlink_metadata(&file).is_ok())
        };
        let known = |unit: &UnitName| {
            // A device unit counts as existing: it has no file, and the device may be plugged in later.
            unit.suffix() == "device"
                || stands(unit)
                || unit.template().is_some_and(|template| stands(&template))
        };
        let unknown: BTreeSet<UnitName> = units.into_iter().filter(|unit| !known(unit)).collect();
        let states = self.show(&unknown.iter().collect::<Vec<_>>())?;
        let loaded =
            |unit: &UnitName| states.get(unit).is_some_and(|state| !state.absent && !except(&state.fragment));
        Ok(unknown.into_iter().filter(|unit| !loaded(unit)).collect())
    }
}
