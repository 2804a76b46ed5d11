//! The drop-ins that hold the starts of units while a record exists.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use nixfleet_contract::manifest::UNITS;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::host::disk::{self, Opening, Writer};
use crate::host::systemd::Systemd;
use crate::host::{HOME, Host, host_file};

/// The name of the drop-ins. Drop-ins are read in the order of their names, so this one comes last.
const NAME: &str = "zz-nixfleet-held.conf";

/// Returns the path of the drop-in of a unit.
pub(super) fn path(unit: &UnitName) -> String {
    format!("{UNITS}{unit}.d/{NAME}")
}

/// Returns the units that have a drop-in, sorted.
pub(super) fn all(host: &Host) -> Vec<UnitName> {
    let directories = fs::read_dir(host.path(UNITS)).into_iter().flatten().flatten();
    let names = directories.filter_map(|directory| directory.file_name().into_string().ok());
    let units = names.filter_map(|name| name.strip_suffix(".d")?.parse().ok());
    let mut units: Vec<UnitName> = units.filter(|unit| host.path(&path(unit)).exists()).collect();
    units.sort();
    units
}

/// Writes the drop-ins of units. The units do not start while one of the records exists.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`].
pub(super) fn write<'u>(
    host: &Host,
    units: impl Iterator<Item = &'u UnitName>,
    records: &[&str],
) -> Result<(), Problem> {
    let text = text(records);
    for path in units.map(path) {
        write_file(&host.path(&path), &text).map_err(|error| host_file("write", &path, &error))?;
    }
    Ok(())
}

/// Removes the drop-ins of all units for which `is_over` returns true, even of units that no record names.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`], or [`nixfleet_contract::problem::Code::Unit`] if systemd
/// does not read its files again.
pub(super) fn remove(host: &Host, is_over: impl Fn(&UnitName) -> bool) -> Result<(), Problem> {
    for path in all(host).iter().filter(|unit| is_over(unit)).map(path) {
        remove_file(&host.path(&path)).map_err(|error| host_file("remove", &path, &error))?;
    }
    Systemd::of(host).map_or(Ok(()), Systemd::daemon_reload)
}

fn text(records: &[&str]) -> String {
    let first = "# A new package: this unit starts after the files of the host are in place.\n[Unit]\n";
    let condition = |text, record: &&str| format!("{text}ConditionPathExists=!{HOME}/{record}\n");
    records.iter().fold(first.to_owned(), condition)
}

/// Replaces the file in one step, so that a unit is held at every moment.
fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let new = path.with_extension("new");
    disk::make_directories(directory, 0o755)?;
    let file = disk::open(CWD, &new, Opening::Emptied)?;
    Writer(&file).write_all(text.as_bytes())?;
    disk::change_mode(&file, 0o644)?;
    disk::sync(&file)?;
    disk::rename(CWD, &new, CWD, path, RenameFlags::empty())?;
    disk::sync_directory(directory)
}

fn remove_file(path: &Path) -> io::Result<()> {
    for file in [path, &path.with_extension("new")] {
        match disk::unlink(CWD, file) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    // The directory stays if it has other drop-ins.
    match disk::remove_directory(CWD, path.parent().unwrap_or(path)) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_unit_is_held_by_a_drop_in_with_conditions() {
        let paths = ["app.service", "app@.service"].map(|unit| path(&unit.parse().unwrap()));
        assert_eq!(
            paths,
            [
                "/etc/systemd/system/app.service.d/zz-nixfleet-held.conf",
                "/etc/systemd/system/app@.service.d/zz-nixfleet-held.conf",
            ]
        );
        expect![[r"
            # A new package: this unit starts after the files of the host are in place.
            [Unit]
            ConditionPathExists=!/var/lib/nixfleet/held.json
            ConditionPathExists=!/var/lib/nixfleet/still-held.json
        "]]
        .assert_eq(&text(&["held.json", "still-held.json"]));
    }
}
