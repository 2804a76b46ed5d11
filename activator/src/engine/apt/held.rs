//! Held starts: a unit that a new package brings does not start before the files of the host are in place.
//!
//! Each such unit has a drop-in with a condition. The condition is not met while the file [`HELD`] exists, so
//! a start of the unit succeeds without starting anything. This also holds a `systemctl start` in a
//! maintainer script, a socket, a timer, and the next boot. The file is renamed to release all units at once.
//! After the change is committed, the drop-ins are removed. If the change is undone, the file gets its name
//! back.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use nixfleet_contract::manifest::UNITS;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::host::disk::{self, Opening, Writer};
use crate::host::systemd::Systemd;
use crate::host::{HOME, Host, host_file};

/// The record of held units, under [`HOME`]. Starts are held while it exists.
pub const HELD: &str = "held.json";
/// The name of the record after the release, until the change is committed or undone.
pub(super) const RELEASED: &str = "released.json";

/// The name of the drop-ins. Drop-ins are read in the order of their names, so this one comes last.
const DROP_IN: &str = "zz-nixfleet-held.conf";

/// The units whose starts are held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldUnits {
    /// The schema version, always 1.
    schema: u32,
    /// The units, each with whether it starts after the release if it is enabled.
    pub units: BTreeMap<UnitName, bool>,
}

impl HeldUnits {
    fn read(host: &Host, record: &str) -> Option<Self> {
        serde_json::from_slice(&host.read_record(record).ok()??).ok()
    }

    /// Returns the units whose starts are held now.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        Self::read(host, HELD)
    }

    /// Returns the units that were released, and whose change is not committed yet.
    #[must_use]
    pub fn released(host: &Host) -> Option<Self> {
        Self::read(host, RELEASED)
    }
}

/// Holds the starts of further units.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
pub fn hold(host: &Host, units: BTreeMap<UnitName, bool>) -> Result<(), Problem> {
    if units.is_empty() {
        return Ok(());
    }
    let mut held = HeldUnits::of(host).unwrap_or_default();
    held.schema = 1;
    held.units.extend(units);
    host.write_record(HELD, &held)?;
    for (path, text) in drop_ins(held.units.keys()) {
        write(&host.path(&path), &text).map_err(|error| host_file("write", &path, &error))?;
    }
    Ok(())
}

/// Lets all held units start, and removes their drop-ins, because the host is as declared without a change.
///
/// # Errors
/// As for [`release`] and [`forget`].
pub fn end(host: &Host) -> Result<(), Problem> {
    release(host)?;
    forget(host)
}

/// Lets all held units start, without starting them.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn release(host: &Host) -> Result<(), Problem> {
    rename(host, HELD, RELEASED)
}

/// Holds the released units again, because the change is undone. The undo stops those that it started.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn hold_again(host: &Host) -> Result<(), Problem> {
    rename(host, RELEASED, HELD)
}

/// Removes the drop-ins of released units, after the change is committed.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`], or [`nixfleet_contract::problem::Code::Unit`] if systemd
/// does not read its files again.
pub fn forget(host: &Host) -> Result<(), Problem> {
    let Some(released) = HeldUnits::released(host) else { return Ok(()) };
    for (path, _) in drop_ins(released.units.keys()) {
        remove(&host.path(&path)).map_err(|error| host_file("remove", &path, &error))?;
    }
    if let Some(systemd) = Systemd::of(host) {
        systemd.daemon_reload()?;
    }
    host.remove_record(RELEASED)
}

/// Returns the drop-ins that hold the starts of units, by their paths.
fn drop_ins<'u>(units: impl Iterator<Item = &'u UnitName>) -> BTreeMap<String, String> {
    let text = format!(
        "# A new package: this unit starts after the files of the host are in place.\n\
         [Unit]\nConditionPathExists=!{HOME}/{HELD}\n"
    );
    units.map(|unit| (format!("{UNITS}{unit}.d/{DROP_IN}"), text.clone())).collect()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    disk::make_directories(directory, 0o755)?;
    let file = disk::open(CWD, path, Opening::Emptied)?;
    Writer(&file).write_all(text.as_bytes())?;
    disk::change_mode(&file, 0o644)?;
    disk::sync(&file)?;
    disk::sync_directory(directory)
}

fn remove(path: &Path) -> io::Result<()> {
    match disk::unlink(CWD, path) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    // The directory stays if it has other drop-ins.
    match disk::remove_directory(CWD, path.parent().unwrap_or(path)) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn rename(host: &Host, from: &str, to: &str) -> Result<(), Problem> {
    let home = host.path(HOME);
    if !home.join(from).exists() {
        return Ok(());
    }
    match disk::rename(CWD, home.join(from), CWD, home.join(to), RenameFlags::empty()) {
        Ok(()) => disk::sync_directory(&home),
        Err(errno) => Err(errno.into()),
    }
    .map_err(|error| host_file("rename", format!("{HOME}/{from}"), &error))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tempfile::TempDir;

    use super::*;

    const UNIT: &str = "/etc/systemd/system/app.service.d/zz-nixfleet-held.conf";

    fn host() -> (TempDir, Host) {
        let directory = TempDir::new().unwrap();
        disk::make_directories(&directory.path().join("var/lib/nixfleet"), 0o700).unwrap();
        let host = Host::open(directory.path()).unwrap();
        (directory, host)
    }

    #[test]
    fn a_unit_is_held_by_a_drop_in_with_a_condition() {
        let units: Vec<UnitName> = ["app.service", "app@.service"].map(|unit| unit.parse().unwrap()).into();
        let drop_ins = drop_ins(units.iter());
        assert_eq!(
            drop_ins.keys().collect::<Vec<_>>(),
            [
                "/etc/systemd/system/app.service.d/zz-nixfleet-held.conf",
                "/etc/systemd/system/app@.service.d/zz-nixfleet-held.conf",
            ]
        );
        expect![[r#"
            # A new package: this unit starts after the files of the host are in place.
            [Unit]
            ConditionPathExists=!/var/lib/nixfleet/held.json
        "#]]
        .assert_eq(&drop_ins[UNIT]);
    }

    #[test]
    fn a_release_is_undone_or_forgotten() {
        let (_directory, host) = host();
        let units = |unit: &str| BTreeMap::from([(unit.parse().unwrap(), true)]);
        hold(&host, units("app.service")).unwrap();
        hold(&host, units("other.service")).unwrap();
        assert_eq!(HeldUnits::of(&host).unwrap().units.len(), 2);
        release(&host).unwrap();
        assert!(HeldUnits::of(&host).is_none() && host.path(UNIT).exists());
        hold_again(&host).unwrap();
        assert_eq!(HeldUnits::of(&host).unwrap().units.len(), 2);

        release(&host).unwrap();
        forget(&host).unwrap();
        assert!(HeldUnits::of(&host).is_none() && HeldUnits::released(&host).is_none());
        assert!(!host.path("/etc/systemd/system/app.service.d").exists());
    }
}
