//! Differences between the packages of a host and their declaration.

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::plan::Drift;
use nixfleet_contract::values::PackageName;

use crate::host::apt::dpkg::{DpkgStatus, HostPackages};

/// Returns the differences between a host and the declaration that the last apply carried out.
#[must_use]
pub fn drift(declared: &DeclaredPackages, host: &HostPackages) -> Vec<Drift> {
    let of = |name: &PackageName, what: String| Drift { subject: format!("package {name}"), what };
    let mut drift = Vec::new();
    for (name, package) in &declared.packages {
        let status = host.packages.get(name).map_or(DpkgStatus::NotInstalled, |package| package.status);
        match (package, status) {
            (DeclaredPackage::Present(present), DpkgStatus::Installed) => {
                let installed = host.installed(name);
                if let (Some(wanted), Some(version)) = (&present.version, installed)
                    && !wanted.matches(version)
                {
                    drift.push(of(name, format!("version {wanted} → {version}")));
                }
            }
            (DeclaredPackage::Present(_), DpkgStatus::ConfigFiles | DpkgStatus::NotInstalled) => {
                drift.push(of(name, "not installed".to_owned()));
            }
            (DeclaredPackage::Present(_), DpkgStatus::Unfinished | DpkgStatus::ReinstallRequired) => {
                drift.push(of(name, "not completely installed".to_owned()));
            }
            (DeclaredPackage::Absent {}, DpkgStatus::ConfigFiles | DpkgStatus::NotInstalled)
            | (DeclaredPackage::Purged {}, DpkgStatus::NotInstalled) => {}
            (DeclaredPackage::Purged {}, DpkgStatus::ConfigFiles) => {
                drift.push(of(name, "its configuration files are left".to_owned()));
            }
            (
                DeclaredPackage::Absent {} | DeclaredPackage::Purged {},
                DpkgStatus::Installed | DpkgStatus::Unfinished | DpkgStatus::ReinstallRequired,
            ) => drift.push(of(name, "installed".to_owned())),
        }
    }
    for (name, package) in host.packages.iter().filter(|(_, package)| package.status == DpkgStatus::Installed)
    {
        let is_declared = matches!(declared.packages.get(name), Some(DeclaredPackage::Present(_)));
        match (declared.holds(name), package.is_held) {
            (true, false) => drift.push(of(name, "not held".to_owned())),
            (false, true) if is_declared => drift.push(of(name, "held on the host".to_owned())),
            (true, true) | (false, _) => {}
        }
    }
    drift
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::apt::dpkg::DpkgPackage;

    fn found(declared: &serde_json::Value) -> Vec<String> {
        let package = |name: &str, status, is_held| {
            let version = "1.0".parse().ok();
            let package = DpkgPackage { status, version, is_held, is_automatic: false, is_vital: false };
            (name.parse().unwrap(), package)
        };
        let packages = [
            package("app", DpkgStatus::Installed, false),
            package("held", DpkgStatus::Installed, true),
            package("left", DpkgStatus::ConfigFiles, false),
            package("torn", DpkgStatus::Unfinished, false),
        ];
        let host = HostPackages { architecture: "amd64".to_owned(), packages: packages.into() };
        let drift = drift(&serde_json::from_value(declared.clone()).unwrap(), &host);
        drift.into_iter().map(|drift| format!("{}: {}", drift.subject, drift.what)).collect()
    }

    #[test]
    fn a_host_that_is_as_declared_has_no_drift() {
        let packages = json!({
            "app": { "state": "present", "version": "1.*" }, "left": { "state": "absent" },
            "gone": { "state": "purged" },
        });
        assert!(found(&json!({ "packages": packages, "holds": ["held"] })).is_empty());
    }

    #[test]
    fn each_difference_is_named() {
        let packages = json!({
            "app": { "state": "present", "version": "2.*" }, "missing": { "state": "present" },
            "torn": { "state": "present" }, "left": { "state": "purged" }, "held": { "state": "present" },
        });
        assert_eq!(
            found(&json!({ "packages": packages, "holds": ["app"] })),
            [
                "package app: version 2.* → 1.0",
                "package left: its configuration files are left",
                "package missing: not installed",
                "package torn: not completely installed",
                "package app: not held",
                "package held: held on the host",
            ]
        );
        assert_eq!(
            found(&json!({ "packages": { "app": { "state": "absent" } } })),
            ["package app: installed"]
        );
    }
}
