//! The owned packages that nothing needs any more.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::values::PackageName;

use super::owned::OwnedPackages;
use crate::host::apt::dpkg::{DpkgStatus, HostPackages};
use crate::host::apt::relations::Relations;

/// Returns the owned packages that are not declared, and that no other package needs or recommends. A package
/// that is named as one of several alternatives counts as needed: to keep too many is safe. Kernels stay too,
/// because the host may run one of them. So do protected packages, because the host may be reached through
/// one of them, and dependencies that somebody marked as manual. `new`: the relations of packages that apt
/// installs in the same apply.
#[must_use]
pub fn unneeded(
    declared: &DeclaredPackages,
    owned: &OwnedPackages,
    host: &HostPackages,
    relations: &BTreeMap<PackageName, Relations>,
    new: &[&Relations],
) -> BTreeSet<PackageName> {
    let is_declared = |name: &PackageName| {
        matches!(declared.packages.get(name), Some(DeclaredPackage::Present(_)))
            || name.is_protected()
            || host.packages.get(name).is_some_and(|package| package.is_vital)
            || name.plain().starts_with("linux-image-")
            || is_taken_over(owned, host, name)
    };
    // An interrupted removal leaves a package that is not finished.
    let status = |name| host.packages.get(name).map(|package| package.status);
    let is_there = |name| matches!(status(name), Some(DpkgStatus::Installed | DpkgStatus::Unfinished));
    let there = owned.installed.iter().filter(|name| is_there(*name));
    let mut goes: BTreeSet<PackageName> = there.filter(|name| !is_declared(name)).cloned().collect();
    loop {
        let stays = relations.iter().filter(|(name, _)| !goes.contains(*name));
        let stays = stays.map(|(_, it)| it).chain(new.iter().copied());
        let needed: BTreeSet<&str> = stays.flat_map(|it| it.needs.iter().map(String::as_str)).collect();
        let is_needed = |name: &PackageName| {
            let provides = relations.get(name).map(|it| &it.provides);
            needed.contains(name.plain())
                || provides.into_iter().flatten().any(|virtual_name| needed.contains(virtual_name.as_str()))
        };
        let before = goes.len();
        goes.retain(|name| !is_needed(name));
        if goes.len() == before {
            return goes;
        }
    }
}

/// Whether somebody has marked a package as manual that apt had installed as a dependency: this is how
/// administrators say that they need it.
fn is_taken_over(owned: &OwnedPackages, host: &HostPackages, name: &PackageName) -> bool {
    owned.dependencies.contains(name)
        && !owned.marked_manual.contains(name)
        && host.packages.get(name).is_some_and(|package| !package.is_automatic)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::apt::dpkg::DpkgPackage;

    fn names(of: &[&str]) -> BTreeSet<PackageName> {
        of.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn unneeded_of(
        declared: &[&str],
        owned: &[&str],
        relations: &[(&str, &str, &str)],
    ) -> BTreeSet<PackageName> {
        unneeded_with(declared, owned, relations, &[])
    }

    fn unneeded_with(
        declared: &[&str],
        owned: &[&str],
        relations: &[(&str, &str, &str)],
        new: &[&Relations],
    ) -> BTreeSet<PackageName> {
        let packages: BTreeMap<&str, _> =
            declared.iter().map(|name| (*name, json!({ "state": "present" }))).collect();
        let package = DpkgPackage {
            status: DpkgStatus::Installed,
            version: "1.0".parse().ok(),
            is_held: false,
            is_automatic: true,
            is_vital: false,
        };
        let host = HostPackages {
            architecture: "amd64".to_owned(),
            packages: relations.iter().map(|(name, ..)| (name.parse().unwrap(), package.clone())).collect(),
        };
        let relations = relations
            .iter()
            .map(|(name, needs, provides)| (name.parse().unwrap(), Relations::parse(needs, provides)));
        let owned = OwnedPackages { installed: names(owned), ..OwnedPackages::default() };
        unneeded(
            &serde_json::from_value(json!({ "packages": packages })).unwrap(),
            &owned,
            &host,
            &relations.collect(),
            new,
        )
    }

    const RELATIONS: [(&str, &str, &str); 5] = [
        ("app", "libapp (>= 1.0), app-data", ""),
        ("app-data", "", ""),
        ("libapp", "", "libapp-abi-1"),
        ("other", "libapp-abi-1 | libother", ""),
        ("foreign", "", ""),
    ];

    #[test]
    fn what_a_package_brought_goes_with_it() {
        let owned = ["app", "app-data", "libapp"];
        let relations = &RELATIONS[..3];
        assert_eq!(unneeded_of(&[], &owned, relations), names(&owned));
        assert!(unneeded_of(&["app"], &owned, relations).is_empty());
    }

    #[test]
    fn what_a_package_of_the_same_apply_needs_stays() {
        let new = Relations::parse("libapp", "");
        let owned = ["app-data", "libapp"];
        let relations = &RELATIONS[1..3];
        assert_eq!(unneeded_with(&[], &owned, relations, &[&new]), names(&["app-data"]));
    }

    #[test]
    fn what_a_package_of_somebody_else_needs_stays() {
        let owned = ["app", "app-data", "libapp"];
        assert_eq!(unneeded_of(&[], &owned, &RELATIONS), names(&["app", "app-data"]));
    }

    #[test]
    fn what_keeps_the_way_in_stays_when_it_is_undeclared() {
        let relations = [("network-manager", "libapp", ""), ("libapp", "", ""), ("app", "", "")];
        let owned = ["network-manager", "libapp", "app"];
        assert_eq!(unneeded_of(&[], &owned, &relations), names(&["app"]));
    }

    #[test]
    fn a_kernel_stays_because_the_host_may_run_it() {
        let relations = [("linux-image-6.1.0-1-amd64", "", ""), ("app", "", "")];
        let owned = ["linux-image-6.1.0-1-amd64", "app"];
        assert_eq!(unneeded_of(&[], &owned, &relations), names(&["app"]));
    }

    #[test]
    fn a_dependency_that_somebody_marked_as_manual_stays() {
        let name: PackageName = "libapp".parse().unwrap();
        let package = |is_automatic| DpkgPackage {
            status: DpkgStatus::Installed,
            version: "1.0".parse().ok(),
            is_held: false,
            is_automatic,
            is_vital: false,
        };
        let owned = OwnedPackages::default().with_installed([(name.clone(), true)].into_iter());
        let by_us = OwnedPackages { marked_manual: names(&["libapp"]), ..owned.clone() };
        let torn = DpkgPackage { status: DpkgStatus::Unfinished, ..package(true) };
        let host = HostPackages { architecture: "amd64".to_owned(), packages: [(name.clone(), torn)].into() };
        let found = unneeded(&DeclaredPackages::default(), &owned, &host, &BTreeMap::new(), &[]);
        assert!(found.contains("libapp"), "its removal was interrupted");
        for (owned, is_automatic, goes) in
            [(&owned, true, true), (&owned, false, false), (&by_us, false, true)]
        {
            let host = HostPackages {
                architecture: "amd64".to_owned(),
                packages: [(name.clone(), package(is_automatic))].into(),
            };
            let found = unneeded(&DeclaredPackages::default(), owned, &host, &BTreeMap::new(), &[]);
            assert_eq!(found.contains("libapp"), goes, "{owned:?}, automatic: {is_automatic}");
        }
    }

    #[test]
    fn a_package_that_was_there_before_stays() {
        assert!(unneeded_of(&[], &[], &RELATIONS).is_empty());
    }
}
