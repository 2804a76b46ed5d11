//! Held starts: a unit that a new package brings does not start before the files of the host are in place.
//!
//! Each such unit has a drop-in with a condition, see [`super::drop_ins`]. The condition is not met while the
//! file [`HELD`] exists, so a start of the unit succeeds without starting anything. This also holds a
//! `systemctl start` in a maintainer script, a socket, a timer, and the next boot. The file is renamed to
//! release all units at once. After the change is committed, the drop-ins are removed. If the change is
//! undone, the file gets its name back.
//!
//! A change may have to leave some units held, see [`super::release`]. These units have a second condition,
//! on the file [`STILL_HELD`]. It is written before the release, and renamed to [`HELD`] after the commit.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{PackageName, UnitName};
use rustix::fs::{CWD, RenameFlags};
use serde::{Deserialize, Serialize};

use super::drop_ins;
use crate::host::disk;
use crate::host::systemd::Systemd;
use crate::host::{HOME, Host, host_file};

/// The record of held units, under [`HOME`]. Starts are held while it exists.
pub const HELD: &str = "held.json";
/// The name of the record after the release, until the change is committed or undone.
pub const RELEASED: &str = "released.json";
/// The record of the units that stay held after the change, until the change is committed or undone.
pub const STILL_HELD: &str = "still-held.json";

/// The units whose starts are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldUnits {
    /// The schema version, always [`HeldUnits::SCHEMA`].
    schema: u32,
    /// The units.
    pub units: BTreeMap<UnitName, HeldUnit>,
}

/// A unit whose start is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldUnit {
    /// The package that brought the unit.
    pub package: PackageName,
    /// Whether the unit starts after the release if it is enabled.
    pub starts: bool,
}

impl HeldUnits {
    /// The schema that this activator writes and reads.
    const SCHEMA: u32 = 1;

    /// Returns the units whose starts are held now.
    ///
    /// # Errors
    /// [`Code::State`] if the record cannot be read.
    pub fn of(host: &Host) -> Result<Option<Self>, Problem> {
        Self::read(host, HELD)
    }

    fn read(host: &Host, record: &str) -> Result<Option<Self>, Problem> {
        let unreadable = |why: String| {
            Problem::new(Code::State, "the record of units whose starts are held cannot be read")
                .at(format!("{HOME}/{record}"))
                .because(why)
                .help("move the file away, then apply again: the units that it names can start from then on")
        };
        host.read_versioned(record, Self::SCHEMA).map_err(unreadable)
    }
}

/// Adds units to the units that must not start before [`release`].
///
/// # Errors
/// [`Code::State`], [`Code::HostFile`] or [`Code::DiskFull`].
pub fn hold(host: &Host, units: BTreeMap<UnitName, HeldUnit>) -> Result<(), Problem> {
    if units.is_empty() {
        return Ok(());
    }
    let earlier = HeldUnits::of(host)?.map(|held| held.units).unwrap_or_default();
    let held = HeldUnits { schema: HeldUnits::SCHEMA, units: earlier.into_iter().chain(units).collect() };
    host.write_record(HELD, &held)?;
    drop_ins::write(host, held.units.keys(), &[HELD])
}

/// Releases all held units except those in `stays`, and removes the drop-ins of the released units. This is
/// for a host that needs no change.
///
/// # Errors
/// As for [`keep`], [`release`] and [`forget`].
pub fn end(host: &Host, stays: &BTreeSet<UnitName>) -> Result<(), Problem> {
    match HeldUnits::of(host)? {
        Some(held) if held.units.keys().all(|unit| stays.contains(unit)) => Ok(()),
        Some(_) => {
            keep(host, stays)?;
            release(host)?;
            forget(host)
        }
        None => Ok(()),
    }
}

/// Makes the next release leave these units held.
///
/// # Errors
/// [`Code::State`], [`Code::HostFile`] or [`Code::DiskFull`], or [`Code::Unit`] if systemd does not read its
/// files again.
pub fn keep(host: &Host, stays: &BTreeSet<UnitName>) -> Result<(), Problem> {
    let Some(mut held) = HeldUnits::of(host)?.filter(|_| !stays.is_empty()) else { return Ok(()) };
    held.units.retain(|unit, _| stays.contains(unit));
    if held.units.is_empty() {
        return Ok(());
    }
    host.write_record(STILL_HELD, &held)?;
    drop_ins::write(host, held.units.keys(), &[HELD, STILL_HELD])?;
    Systemd::of(host).map_or(Ok(()), Systemd::daemon_reload)
}

/// Releases the held units. Does not start them.
///
/// # Errors
/// [`Code::HostFile`].
pub fn release(host: &Host) -> Result<(), Problem> {
    rename(host, HELD, RELEASED)
}

/// Holds the released units again, because the change is undone. The undo stops those that it started.
///
/// # Errors
/// [`Code::HostFile`].
pub fn hold_again(host: &Host) -> Result<(), Problem> {
    rename(host, RELEASED, HELD)?;
    remove_if_there(host, STILL_HELD)
}

/// Removes the drop-ins of released units, after the change is committed.
///
/// # Errors
/// [`Code::State`], [`Code::HostFile`], or [`Code::Unit`] if systemd does not read its files again.
pub fn forget(host: &Host) -> Result<(), Problem> {
    if !host.path(HOME).join(RELEASED).exists() {
        return remove_if_there(host, STILL_HELD);
    }
    // If an earlier call was interrupted, the units that stay held may be in either record.
    let records = [HeldUnits::read(host, STILL_HELD)?, HeldUnits::of(host)?];
    let stays: BTreeSet<UnitName> =
        records.into_iter().flatten().flat_map(|it| it.units.into_keys()).collect();
    drop_ins::remove(host, |unit| !stays.contains(unit))?;
    rename(host, STILL_HELD, HELD)?;
    host.remove_record(RELEASED)
}

/// Forgets the held units of packages that are not on the host. `is_there`: whether a package is on the host.
///
/// # Errors
/// As for [`forget`].
pub fn forget_removed(host: &Host, is_there: impl Fn(&PackageName) -> bool) -> Result<(), Problem> {
    let Some(mut held) = HeldUnits::of(host)? else { return Ok(()) };
    let before = held.units.len();
    held.units.retain(|_, unit| is_there(&unit.package));
    if held.units.len() == before {
        return Ok(());
    }
    drop_ins::remove(host, |unit| !held.units.contains_key(unit))?;
    if held.units.is_empty() { host.remove_record(HELD) } else { host.write_record(HELD, &held) }
}

fn remove_if_there(host: &Host, record: &str) -> Result<(), Problem> {
    if host.path(HOME).join(record).exists() { host.remove_record(record) } else { Ok(()) }
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
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn host() -> (TempDir, Host) {
        let directory = TempDir::new().unwrap();
        disk::make_directories(&directory.path().join("var/lib/nixfleet"), 0o700).unwrap();
        let host = Host::open(directory.path()).unwrap();
        (directory, host)
    }

    fn holds(host: &Host, units: &[&str]) {
        let package: PackageName = "app".parse().unwrap();
        let held = |unit: &&str| (unit.parse().unwrap(), HeldUnit { package: package.clone(), starts: true });
        hold(host, units.iter().map(held).collect()).unwrap();
    }

    /// Returns the units that cannot start: a file exists that a condition of their drop-in names.
    fn held(host: &Host) -> Vec<String> {
        let units = drop_ins::all(host).into_iter().filter(|unit| {
            let text = fs::read_to_string(host.path(&drop_ins::path(unit))).unwrap();
            text.lines()
                .filter_map(|line| line.strip_prefix("ConditionPathExists=!"))
                .any(|path| host.path(path).exists())
        });
        units.map(|unit| unit.to_string()).collect()
    }

    #[test]
    fn a_release_is_undone_or_forgotten() {
        let (_directory, host) = host();
        holds(&host, &["app.service"]);
        holds(&host, &["other.service"]);
        assert_eq!(held(&host), ["app.service", "other.service"]);
        release(&host).unwrap();
        assert!(held(&host).is_empty() && drop_ins::all(&host).len() == 2);
        hold_again(&host).unwrap();
        assert_eq!(held(&host), ["app.service", "other.service"]);

        release(&host).unwrap();
        forget(&host).unwrap();
        assert_eq!(HeldUnits::of(&host).unwrap(), None);
        assert!(!host.path("/etc/systemd/system/app.service.d").exists());
        assert!(!host.path(HOME).join(RELEASED).exists());
    }

    #[test]
    fn a_unit_that_stays_held_is_held_at_every_moment() {
        let (_directory, host) = host();
        holds(&host, &["app.service", "other.service"]);
        let stays = BTreeSet::from(["other.service".parse().unwrap()]);
        keep(&host, &stays).unwrap();
        assert_eq!(held(&host), ["app.service", "other.service"]);
        release(&host).unwrap();
        assert_eq!(held(&host), ["other.service"]);
        hold_again(&host).unwrap();
        assert_eq!(held(&host), ["app.service", "other.service"]);

        end(&host, &stays).unwrap();
        assert_eq!(held(&host), ["other.service"]);
        assert!(HeldUnits::of(&host).unwrap().unwrap().units.contains_key("other.service"));
        // An interrupted `forget` is repeated.
        host.write_record(RELEASED, &HeldUnits { schema: 1, units: BTreeMap::new() }).unwrap();
        forget(&host).unwrap();
        assert_eq!(held(&host), ["other.service"]);
        end(&host, &BTreeSet::new()).unwrap();
        assert!(drop_ins::all(&host).is_empty());
    }

    #[test]
    fn the_units_of_a_removed_package_are_forgotten() {
        let (_directory, host) = host();
        holds(&host, &["app.service"]);
        forget_removed(&host, |_| true).unwrap();
        assert_eq!(held(&host), ["app.service"]);
        forget_removed(&host, |_| false).unwrap();
        assert!(drop_ins::all(&host).is_empty() && !host.path(HOME).join(HELD).exists());
    }

    #[test]
    fn a_record_that_cannot_be_read_is_not_overwritten() {
        let (_directory, host) = host();
        for text in ["torn", r#"{ "schema": 2, "units": {} }"#] {
            fs::write(host.path(HOME).join(HELD), text).unwrap();
            let package: PackageName = "app".parse().unwrap();
            let unit = BTreeMap::from([("app.service".parse().unwrap(), HeldUnit { package, starts: true })]);
            assert_eq!(hold(&host, unit).unwrap_err().code, Code::State);
            assert_eq!(fs::read_to_string(host.path(HOME).join(HELD)).unwrap(), text);
        }
    }

    #[test]
    fn a_lost_record_leaves_no_drop_ins() {
        let (_directory, host) = host();
        holds(&host, &["lost.service"]);
        host.remove_record(HELD).unwrap();
        holds(&host, &["app.service"]);
        end(&host, &BTreeSet::new()).unwrap();
        assert!(drop_ins::all(&host).is_empty());
    }
}
