//! The guard of a transaction of apt: checks that dpkg is about to do exactly what was planned, and holds the
//! starts of new units. It also records the new packages as owned, because only here it is certain that dpkg
//! is about to install them for NixFleet. apt starts the guard after the download, while it holds the lock of
//! dpkg, see [`crate::host::apt::guard`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use nixfleet_contract::apt::FirstStart;
use nixfleet_contract::apt::plan::{PackageChange, PackageOperation};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::{PackageName, UnitName};

use super::held_units::{self, HeldUnit, HeldUnits};
use super::journal::AptJournal;
use super::owned::OwnedPackages;
use super::package_objects::files_of;
use super::plan::full_name;
use crate::digest;
use crate::host::Host;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::{archive, guard};
use crate::host::systemd::{DIRECTORIES, Systemd, UnitState};

/// The units that connect a host to its network, resolve its names and let people log in. Their starts are
/// never held: if they were held after a power cut, nobody could reach the host to release them.
const WAY_IN: [&str; 18] = [
    "NetworkManager.service",
    "connman.service",
    "dhclient.service",
    "dhcpcd.service",
    "dropbear.service",
    "ifup@.service",
    "iwd.service",
    "networking.service",
    "resolvconf.service",
    "ssh.service",
    "ssh.socket",
    "ssh@.service",
    "sshd.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-resolved.service",
    "wpa_supplicant.service",
    "wpa_supplicant@.service",
];

/// Guards the transaction that the journal of apt describes. `input`: what apt sends.
///
/// # Errors
/// Fails with a clause that says why dpkg must not start.
pub fn guard(host: &Host, input: &str) -> Result<(), String> {
    let journal = AptJournal::read(host).map_err(|problem| problem.to_string())?;
    let journal = journal.ok_or("no transaction is planned")?;
    let planned: Vec<&PackageChange> = journal.plan.in_phase(journal.phase).collect();
    let unpacked = guard::check(&planned, input, |file| Ok(digest::of_reader(File::open(file)?)?.0))?;
    let is_new = |change: &PackageChange| matches!(change.change, PackageOperation::Install { .. });
    let new: Vec<_> = unpacked.into_iter().filter(|(change, _)| is_new(change)).collect();
    if new.is_empty() || journal.is_update {
        return Ok(());
    }
    prepare(host, &journal, &new).map_err(|problem| problem.to_string())
}

/// Records new packages as owned, and holds the starts of their units. `new`: the packages, each with its
/// file.
fn prepare(host: &Host, journal: &AptJournal, new: &[(&PackageChange, String)]) -> Result<(), Problem> {
    let packages = HostPackages::read()?;
    let name = |change: &PackageChange| full_name(&packages, &change.name, &change.architecture);
    let owned = OwnedPackages::read(host)?;
    let names = new.iter().map(|(change, _)| (name(change), change.automatic));
    owned.with_installed(names).write(host, &owned)?;
    let mut units = BTreeMap::new();
    for (change, file) in new {
        let package = name(change);
        if let Some(starts) = starts(journal, &package) {
            let brought = archive::units(&archive::paths(Path::new(file))?);
            let is_new = |unit: &UnitName| !is_exempt(host, &package, unit);
            let held = |unit| (unit, HeldUnit { package: package.clone(), starts });
            units.extend(brought.into_iter().filter(is_new).map(held));
        }
    }
    let systemd = Systemd::of(host);
    if let Some(systemd) = systemd {
        // If a script of the package restarts a running unit, a held start would leave the unit down.
        let states = systemd.show(&units.keys().collect::<Vec<_>>())?;
        let earlier = HeldUnits::of(host)?.map(|held| held.units).unwrap_or_default();
        let runs = |unit: &UnitName| states.get(unit).is_some_and(UnitState::is_up);
        units.retain(|unit, _| earlier.contains_key(unit) || !runs(unit));
    }
    let holds = !units.is_empty();
    held_units::hold(host, units)?;
    systemd.filter(|_| holds).map_or(Ok(()), Systemd::daemon_reload)
}

/// Returns whether the release starts the units of a new package, or `None` if apt starts them.
fn starts(journal: &AptJournal, package: &PackageName) -> Option<bool> {
    match journal.starts.get(package).copied().unwrap_or_default() {
        FirstStart::Distribution => None,
        FirstStart::AfterActivation => Some(true),
        FirstStart::Never => Some(false),
    }
}

/// Whether the start of a unit of a new package must not be held: the host had the unit already, from another
/// package or from the administrator, or logins need the unit.
fn is_exempt(host: &Host, package: &PackageName, unit: &UnitName) -> bool {
    if package.is_protected() || WAY_IN.contains(&&**unit) {
        return true;
    }
    // Configuration files that an earlier installation of the package has left do not count.
    let left: BTreeSet<String> = files_of(host, package).into_iter().collect();
    let script = unit.strip_suffix(".service").map(|name| format!("/etc/init.d/{name}"));
    let files = DIRECTORIES.iter().filter(|directory| !directory.contains("/generator"));
    let files = files.map(|directory| format!("{directory}/{unit}")).chain(script);
    let mut others = files.filter(|file| !left.contains(file));
    others.any(|file| host.path(&file).symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_unit_that_was_there_and_the_way_in_are_not_held() {
        let directory = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("usr/lib/systemd/system/there.service", "");
        write("etc/init.d/script", "");
        write("etc/init.d/app", "");
        write("etc/systemd/system/left.service", "");
        write("run/systemd/generator.late/app.service", "");
        write("etc/systemd/system/dropin.service.d/x.conf", "");
        write("var/lib/dpkg/info/app.list", "/etc/init.d/app\n/etc/systemd/system/left.service\n");
        let host = Host::open(directory.path()).unwrap();
        for (package, unit, exempt) in [
            ("app", "there.service", true),
            ("app", "script.service", true),
            ("app", "ssh.service", true),
            ("app", "systemd-resolved.service", true),
            ("openssh-server", "any.socket", true),
            ("app", "app.service", false),
            ("app", "left.service", false),
            ("other", "left.service", true),
            ("app", "dropin.service", false),
            ("app", "new@.service", false),
        ] {
            let (name, unit_name) = (package.parse().unwrap(), unit.parse().unwrap());
            assert_eq!(is_exempt(&host, &name, &unit_name), exempt, "{unit} of {package}");
        }
    }
}
