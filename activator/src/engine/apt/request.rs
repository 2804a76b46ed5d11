//! The requests to apt.

use std::collections::BTreeSet;

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages, PresentPackage};
use nixfleet_contract::values::PackageName;

use crate::host::apt::dpkg::{DpkgStatus, HostPackages};
use crate::host::apt::simulation::AptRequest;

/// The transactions that bring a host to the declared packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptRequests {
    /// The packages to install or to change, each with the rule for recommended packages.
    pub install: Vec<AptRequest>,
    /// The packages to remove.
    pub remove: Option<AptRequest>,
    /// The packages to purge.
    pub purge: Option<AptRequest>,
}

/// Returns the transactions for the declared packages. A package that is as it should be is in none of them.
/// `unneeded`: owned packages to remove.
///
/// `apt-get` has one rule about recommended packages for a whole transaction. So there is a transaction for
/// each rule; their results are joined.
#[must_use]
pub fn requests(
    declared: &DeclaredPackages,
    unneeded: &BTreeSet<PackageName>,
    host: &HostPackages,
) -> AptRequests {
    let rules = [None, Some(true), Some(false)];
    let install = rules.map(|recommends| {
        let of_rule = declared.packages.iter().filter_map(|(name, package)| match package {
            DeclaredPackage::Present(present) if present.recommends == recommends => {
                install(name, present, host)
            }
            DeclaredPackage::Present(_) | DeclaredPackage::Absent {} | DeclaredPackage::Purged {} => None,
        });
        request("install", of_rule.collect()).map(|request| AptRequest { recommends, ..request })
    });
    let of_state = |state: &DeclaredPackage, is_there: fn(DpkgStatus) -> bool| -> Vec<String> {
        let declared = declared.packages.iter().filter(|(_, package)| *package == state);
        let there = declared
            .filter(|(name, _)| host.packages.get(*name).is_some_and(|package| is_there(package.status)));
        there.map(|(name, _)| name.to_string()).collect()
    };
    let mut remove = of_state(&DeclaredPackage::Absent {}, DpkgStatus::is_unpacked);
    let is_undeclared = |name: &&PackageName| !declared.packages.contains_key(*name);
    remove.extend(unneeded.iter().filter(is_undeclared).map(ToString::to_string));
    AptRequests {
        install: install.into_iter().flatten().collect(),
        remove: request("remove", remove),
        purge: request(
            "purge",
            of_state(&DeclaredPackage::Purged {}, |status| status != DpkgStatus::NotInstalled),
        ),
    }
}

fn request(verb: &'static str, packages: Vec<String>) -> Option<AptRequest> {
    (!packages.is_empty()).then(|| AptRequest { verb, packages, ..AptRequest::default() })
}

/// Returns what `apt-get install` needs to install a package, or `None` if it is installed as declared.
fn install(name: &PackageName, package: &PresentPackage, host: &HostPackages) -> Option<String> {
    match (host.installed(name), &package.version) {
        (Some(_), None) => None,
        (Some(installed), Some(version)) if version.matches(installed) => None,
        (_, Some(version)) => Some(format!("{name}={version}")),
        (None, None) => Some(name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::apt::dpkg::DpkgPackage;

    fn host() -> HostPackages {
        let package = |name: &str, status, version: &str| {
            let package = DpkgPackage {
                status,
                version: version.parse().ok(),
                is_held: false,
                is_automatic: false,
                is_vital: false,
            };
            (name.parse().unwrap(), package)
        };
        HostPackages {
            architecture: "amd64".to_owned(),
            packages: [
                package("nginx", DpkgStatus::Installed, "1.22.1-9"),
                package("telnet", DpkgStatus::ConfigFiles, "0.17-44"),
                package("exim4", DpkgStatus::Installed, "4.96-15"),
                package("torn", DpkgStatus::Unfinished, "1.0"),
            ]
            .into(),
        }
    }

    fn asked(packages: &serde_json::Value) -> Vec<String> {
        asked_without(packages, &[])
    }

    fn asked_without(packages: &serde_json::Value, unneeded: &[&str]) -> Vec<String> {
        let unneeded = unneeded.iter().map(|name| name.parse().unwrap()).collect();
        let declared = serde_json::from_value(json!({ "packages": packages })).unwrap();
        let AptRequests { install, remove, purge } = requests(&declared, &unneeded, &host());
        let all = install.into_iter().chain(remove).chain(purge);
        all.map(|request| {
            let rule = request.recommends.map_or(String::new(), |rule| format!(" recommends={rule}"));
            format!("{}{rule} {}", request.verb, request.packages.join(" "))
        })
        .collect()
    }

    #[test]
    fn a_package_that_is_as_declared_is_not_asked_for() {
        let packages = json!({
            "nginx": { "state": "present" },
            "telnet": { "state": "absent" },
            "unknown": { "state": "purged" },
        });
        assert!(asked(&packages).is_empty());
        assert!(asked(&json!({ "nginx": { "state": "present", "version": "1.22.*" } })).is_empty());
    }

    #[test]
    fn a_missing_package_and_another_version_are_asked_for() {
        let packages = json!({
            "redis": { "state": "present" },
            "nginx": { "state": "present", "version": "1.24.*" },
            "torn": { "state": "present" },
        });
        assert_eq!(asked(&packages), ["install nginx=1.24.* redis torn"]);
    }

    #[test]
    fn each_rule_for_recommended_packages_has_a_transaction() {
        let packages = json!({
            "a1": { "state": "present", "recommends": false },
            "b1": { "state": "present" },
            "c1": { "state": "present", "recommends": true },
        });
        assert_eq!(
            asked(&packages),
            ["install b1", "install recommends=true c1", "install recommends=false a1"]
        );
    }

    #[test]
    fn an_owned_package_that_nothing_needs_is_removed_unless_it_is_declared() {
        assert_eq!(asked_without(&json!({}), &["nginx"]), ["remove nginx"]);
        let purged = json!({ "nginx": { "state": "purged" } });
        assert_eq!(asked_without(&purged, &["nginx"]), ["purge nginx"]);
    }

    #[test]
    fn configuration_files_that_are_left_are_purged_but_not_removed() {
        let packages = json!({
            "exim4": { "state": "absent" },
            "telnet": { "state": "purged" },
        });
        assert_eq!(asked(&packages), ["remove exim4", "purge telnet"]);
    }
}
