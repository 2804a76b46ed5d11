//! The decision of a change about each unit whose start is held. A unit starts only if its package stays on
//! the host, because only then its configuration is in place.

use std::collections::BTreeMap;
use std::fs;

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::manifest::{Manifest, UNITS};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::{PackageName, UnitName};

use super::held_units::HeldUnits;
use super::needed::unneeded;
use super::owned::OwnedPackages;
use crate::engine::plan::target::Target;
use crate::host::Host;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::relations;

/// The decision of a change about a unit whose start is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldRelease {
    /// The unit is released, and starts if it is enabled.
    Start,
    /// The unit is released, but does not start.
    Rest,
    /// The start of the unit stays held.
    Stay,
}

/// The place of a package in a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PackagePlace {
    /// A declaration names the package, or a declared package needs it.
    Wanted,
    /// The package is not on the host, or belongs to somebody else.
    Foreign,
    /// The change removes the package, or the target does not decide about packages.
    Undecided,
}

/// Returns the units whose starts are held, each with what a change to the target does with it.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::State`] if a record cannot be read, or
/// [`nixfleet_contract::problem::Code::Packages`] if dpkg does not answer.
pub fn releases(host: &Host, target: &Target) -> Result<BTreeMap<UnitName, HeldRelease>, Problem> {
    let Some(held) = HeldUnits::of(host)? else { return Ok(BTreeMap::new()) };
    let places = places(host, target, held.units.values().map(|unit| &unit.package))?;
    let mut releases = BTreeMap::new();
    for (unit, held) in &held.units {
        let release = match places[&held.package] {
            _ if runs(&target.manifest, unit) => HeldRelease::Start,
            PackagePlace::Wanted if held.starts => HeldRelease::Start,
            PackagePlace::Wanted | PackagePlace::Foreign => HeldRelease::Rest,
            PackagePlace::Undecided => HeldRelease::Stay,
        };
        releases.extend(instances(host, unit).into_iter().map(|instance| (instance, release)));
        releases.insert(unit.clone(), release);
    }
    Ok(releases)
}

/// Whether a manifest declares that a unit runs or is enabled. Such a unit has its configuration.
fn runs(manifest: &Manifest, unit: &UnitName) -> bool {
    let of_distribution = manifest.unit_states.get(unit).and_then(|state| state.runs());
    of_distribution == Some(true) || manifest.units.get(unit).is_some_and(|unit| unit.enabled == Some(true))
}

fn places<'p>(
    host: &Host,
    target: &Target,
    packages: impl Iterator<Item = &'p PackageName>,
) -> Result<BTreeMap<PackageName, PackagePlace>, Problem> {
    let declared = target.manifest.apt.clone().unwrap_or_default();
    // A rollback neither installs nor removes packages. In a directory, no dpkg can be asked about them.
    let decides = (target.number.is_none() || target.with_packages) && host.is_machine();
    if !decides {
        return Ok(packages.map(|package| (package.clone(), PackagePlace::Undecided)).collect());
    }
    let (there, owned) = (HostPackages::read()?, OwnedPackages::read(host)?);
    let goes = unneeded(&declared, &owned, &there, &relations::read(&there.architecture)?, &[]);
    let place = |package: &PackageName| place(package, &declared, &owned, &there, goes.contains(package));
    Ok(packages.map(|package| (package.clone(), place(package))).collect())
}

fn place(
    package: &PackageName,
    declared: &DeclaredPackages,
    owned: &OwnedPackages,
    there: &HostPackages,
    goes: bool,
) -> PackagePlace {
    match declared.packages.get(package) {
        Some(DeclaredPackage::Absent {} | DeclaredPackage::Purged {}) => PackagePlace::Undecided,
        None if !there.is_on_host(package) || !owned.installed.contains(package) => PackagePlace::Foreign,
        // A package that is not completely installed is completed first, and the next apply removes it.
        None if goes || there.installed(package).is_none() => PackagePlace::Undecided,
        Some(DeclaredPackage::Present(_)) | None => PackagePlace::Wanted,
    }
}

/// Returns the enabled instances of a template. The drop-in of a template holds all of its instances.
fn instances(host: &Host, unit: &UnitName) -> Vec<UnitName> {
    if !unit.is_template() {
        return Vec::new();
    }
    let directories = fs::read_dir(host.path(UNITS)).into_iter().flatten().flatten();
    let wants = directories.filter(|it| it.file_name().as_encoded_bytes().ends_with(b".wants"));
    let links = wants.flat_map(|directory| fs::read_dir(directory.path()).into_iter().flatten().flatten());
    let units = links.filter_map(|link| link.file_name().to_str()?.parse::<UnitName>().ok());
    units.filter(|instance| instance.template().as_ref() == Some(unit)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::host::apt::dpkg::{DpkgPackage, DpkgStatus};

    #[test]
    fn a_unit_starts_only_if_its_package_stays() {
        let package = |status| DpkgPackage {
            status,
            version: "1.0".parse().ok(),
            is_held: false,
            is_automatic: true,
            is_vital: false,
        };
        let names = ["app", "lib", "gone", "foreign"];
        let there = HostPackages {
            architecture: "amd64".to_owned(),
            packages: names
                .iter()
                .map(|name| (name.parse().unwrap(), package(DpkgStatus::Installed)))
                .chain([("torn".parse().unwrap(), package(DpkgStatus::Unfinished))])
                .collect(),
        };
        let owned = ["app", "lib", "gone", "torn", "vanished"].map(|name| name.parse().unwrap());
        let owned = OwnedPackages { installed: owned.into(), ..OwnedPackages::default() };
        let declared = serde_json::from_value(
            json!({ "packages": { "app": { "state": "present" }, "gone": { "state": "absent" } } }),
        )
        .unwrap();
        for (name, goes, expected) in [
            ("app", false, PackagePlace::Wanted),
            ("lib", false, PackagePlace::Wanted),
            ("lib", true, PackagePlace::Undecided),
            ("gone", false, PackagePlace::Undecided),
            ("torn", false, PackagePlace::Undecided),
            ("foreign", false, PackagePlace::Foreign),
            ("vanished", true, PackagePlace::Foreign),
        ] {
            let name: PackageName = name.parse().unwrap();
            assert_eq!(place(&name, &declared, &owned, &there, goes), expected, "{name}");
        }
    }

    #[test]
    fn the_enabled_instances_of_a_held_template_are_found() {
        let directory = TempDir::new().unwrap();
        let wants = directory.path().join("etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        for link in ["app@main.service", "other@main.service", "app.service"] {
            symlink("/usr/lib/systemd/system/app@.service", wants.join(link)).unwrap();
        }
        let host = Host::open(directory.path()).unwrap();
        let found = |unit: &str| instances(&host, &unit.parse().unwrap());
        assert_eq!(
            found("app@.service").iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["app@main.service"]
        );
        assert!(found("app.service").is_empty());
    }
}
