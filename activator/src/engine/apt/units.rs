//! The units of the packages that change: the running units, and the units of new packages.

use nixfleet_contract::apt::plan::{PackageChange, PackageOperation};
use nixfleet_contract::apt::running::{RunningUnit, UnitEffect};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::package_objects::files_of;
use super::plan::full_name;
use crate::host::Host;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::{archive, cache};
use crate::host::systemd::{Running, Systemd};

/// Returns the running units of the installed packages that change, sorted. systemd is asked only if one of
/// these packages has a unit.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not answer.
pub fn running(
    host: &Host,
    packages: &[PackageChange],
    installed: &HostPackages,
) -> Result<Vec<RunningUnit>, Problem> {
    let mut of_packages = Vec::new();
    for package in packages.iter().filter(|it| !matches!(it.change, PackageOperation::Install { .. })) {
        let name = full_name(installed, &package.name, &package.architecture);
        let units = archive::units(&files_of(host, &name).into_iter().collect());
        of_packages.extend(units.into_iter().map(|unit| (unit, package)));
    }
    match Systemd::of(host).filter(|_| !of_packages.is_empty()) {
        Some(systemd) => Ok(among(&of_packages, &systemd.running()?)),
        None => Ok(Vec::new()),
    }
}

/// Returns the running units of packages. An instance of a template belongs to the package of the template.
fn among(of_packages: &[(UnitName, &PackageChange)], running: &Running) -> Vec<RunningUnit> {
    let mut found = Vec::new();
    for (unit, package) in of_packages {
        let is_of = |other: &&UnitName| *other == unit || other.template().as_ref() == Some(unit);
        found.extend(running.keys().filter(is_of).map(|unit| RunningUnit {
            unit: unit.clone(),
            package: package.name.clone(),
            effect: if package.change.is_removal() { UnitEffect::Stops } else { UnitEffect::MayRestart },
        }));
    }
    found.sort();
    found
}

/// Adds the units to each new package whose file apt has downloaded already. A plan downloads nothing, so the
/// units of the other new packages are unknown.
pub fn add(packages: &mut [PackageChange]) {
    for package in packages {
        let found = package.change.to().and_then(|offer| cache::find(package, offer));
        if let (Some(file), PackageOperation::Install { units, .. }) = (found, &mut package.change) {
            *units = archive::paths(&file).ok().map(|paths| archive::units(&paths).into_iter().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn running_units_and_instances_of_templates_are_found() {
        let package = |name: &str, change: &str| -> PackageChange {
            let offer = json!({
                "version": "2.0", "release": {}, "size": 1, "installedSize": 1, "sha256": "aa",
            });
            serde_json::from_value(json!({
                "name": name, "architecture": "amd64", "change": change, "from": "1.0", "to": offer,
                "cause": "declared", "phase": "before",
            }))
            .unwrap()
        };
        let (db, old) = (package("db", "upgrade"), package("old", "remove"));
        let unit = |name: &str| -> UnitName { name.parse().unwrap() };
        let of_packages =
            [(unit("db@.service"), &db), (unit("old.service"), &old), (unit("rests.service"), &old)];
        let running = ["db@main.service", "old.service", "other.service"];
        let running = running.map(|name| (unit(name), "active".to_owned())).into();
        let found: Vec<_> = among(&of_packages, &running)
            .into_iter()
            .map(|found| (found.unit.to_string(), found.package.to_string(), found.effect))
            .collect();
        assert_eq!(
            found,
            [
                ("db@main.service".to_owned(), "db".to_owned(), UnitEffect::MayRestart),
                ("old.service".to_owned(), "old".to_owned(), UnitEffect::Stops),
            ]
        );
    }
}
