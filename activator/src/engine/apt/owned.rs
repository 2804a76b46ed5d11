//! The packages that NixFleet installed, held or marked on a host. Only these are ever removed or given back
//! their marks.

use std::collections::BTreeSet;

use nixfleet_contract::apt::plan::{AptPlan, Mark};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;
use serde::{Deserialize, Serialize};

use super::plan::full_name;
use crate::host::apt::dpkg::{DpkgStatus, HostPackages};
use crate::host::{HOME, Host};

/// The name of the record under [`HOME`].
pub const RECORD: &str = "packages.json";

/// The packages and marks of a host that NixFleet has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnedPackages {
    /// Packages that were not installed before NixFleet installed them.
    pub installed: BTreeSet<PackageName>,
    /// Those of the installed packages that apt installed as dependencies.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub dependencies: BTreeSet<PackageName>,
    /// Packages that were removed, and have left configuration files.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub left: BTreeSet<PackageName>,
    /// Packages that were not held before NixFleet held them.
    pub held: BTreeSet<PackageName>,
    /// Packages that were marked as automatic before NixFleet marked them as manual.
    pub marked_manual: BTreeSet<PackageName>,
}

/// The record, with its schema.
#[derive(Serialize, Deserialize)]
struct Recorded {
    schema: u32,
    #[serde(flatten)]
    owned: OwnedPackages,
}

impl OwnedPackages {
    /// The schema that this activator writes and reads.
    const SCHEMA: u32 = 1;

    /// Reads the record of a host. A host without a record has no owned packages.
    ///
    /// # Errors
    /// [`Code::State`] if the record cannot be read.
    pub fn read(host: &Host) -> Result<Self, Problem> {
        let unreadable = |why: String| {
            Problem::new(Code::State, "the record of owned packages cannot be read")
                .at(format!("{HOME}/{RECORD}"))
                .because(format!("{why}; nothing was changed"))
                .help(
                    "restore the file from a backup, or remove it: then NixFleet removes no package any more",
                )
        };
        let recorded: Option<Recorded> = host.read_versioned(RECORD, Self::SCHEMA).map_err(unreadable)?;
        Ok(recorded.map(|recorded| recorded.owned).unwrap_or_default())
    }

    /// Writes the record to disk, if it differs from `before`.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::DiskFull`].
    pub fn write(&self, host: &Host, before: &Self) -> Result<(), Problem> {
        if self == before {
            return Ok(());
        }
        host.write_record(RECORD, &Recorded { schema: Self::SCHEMA, owned: self.clone() })
    }

    /// Whether a plan of apt may be needed because of the record, even if nothing is declared.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.installed.is_empty() || !self.held.is_empty() || !self.marked_manual.is_empty()
    }

    /// Returns the record with packages that dpkg is about to install, each with whether it is automatic.
    #[must_use]
    pub fn with_installed(&self, packages: impl Iterator<Item = (PackageName, bool)>) -> Self {
        let mut owned = self.clone();
        for (package, automatic) in packages {
            if automatic {
                owned.dependencies.insert(package.clone());
            } else {
                owned.dependencies.remove(&package);
            }
            owned.installed.insert(package);
        }
        owned
    }

    /// Returns the record without the dependencies that a plan removes. apt marks them as manual before it
    /// removes them. After an interrupted removal, this mark must not look like one of an administrator.
    #[must_use]
    pub fn without_dependencies(mut self, plan: &AptPlan, host: &HostPackages) -> Self {
        for change in plan.packages.iter().filter(|package| package.change.is_removal()) {
            self.dependencies.remove(&full_name(host, &change.name, &change.architecture));
        }
        self
    }

    /// Returns the record during a transaction, with all marks that the transaction may change.
    #[must_use]
    pub fn with_marks(&self, plan: &AptPlan, host: &HostPackages) -> Self {
        let mut owned = self.clone();
        let is_there = |name: &PackageName| host.installed(name).is_some();
        for change in &plan.marks {
            let package = change.package.clone();
            match change.mark {
                Mark::Hold => {
                    owned.held.insert(package);
                }
                // The mark of a package that this transaction installs has no earlier value.
                Mark::Manual if is_there(&package) => {
                    owned.marked_manual.insert(package);
                }
                Mark::Manual | Mark::Auto | Mark::Unhold => {}
            }
        }
        owned
    }

    /// Removes outdated entries: packages that are not on the host, and marks that are gone. A removed
    /// package stays in the record while its configuration files are on the host.
    #[must_use]
    pub fn settled(&self, host: &HostPackages) -> Self {
        let is_on_host = |name: &&PackageName| host.is_on_host(name);
        let kept = |names: &BTreeSet<PackageName>, keep: &dyn Fn(&PackageName) -> bool| {
            names.iter().filter(is_on_host).filter(|name| keep(name)).cloned().collect()
        };
        let of = |name: &PackageName| &host.packages[name];
        let has_left = |name: &PackageName| {
            host.packages.get(name).is_some_and(|package| package.status == DpkgStatus::ConfigFiles)
        };
        Self {
            installed: kept(&self.installed, &|_| true),
            dependencies: kept(&self.dependencies, &|_| true),
            left: self.installed.union(&self.left).filter(|name| has_left(name)).cloned().collect(),
            held: kept(&self.held, &|name| of(name).is_held),
            marked_manual: kept(&self.marked_manual, &|name| !of(name).is_automatic),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::host::apt::dpkg::DpkgPackage;

    #[test]
    fn a_removed_package_stays_known_while_its_configuration_files_are_left() {
        let host = |status| HostPackages {
            architecture: "amd64".to_owned(),
            packages: BTreeMap::from([(
                "app".parse().unwrap(),
                DpkgPackage { status, version: None, is_held: false, is_automatic: false, is_vital: false },
            )]),
        };
        let app: PackageName = "app".parse().unwrap();
        let owned = OwnedPackages { installed: [app.clone()].into(), ..OwnedPackages::default() };
        assert_eq!(owned.settled(&host(DpkgStatus::Installed)), owned);
        let left = owned.settled(&host(DpkgStatus::ConfigFiles));
        assert_eq!(left, OwnedPackages { left: [app.clone()].into(), ..OwnedPackages::default() });
        assert!(owned.has_work() && !left.has_work());
        assert_eq!(left.settled(&host(DpkgStatus::ConfigFiles)), left);
        // Somebody else has purged the package, or installed it.
        for status in [DpkgStatus::NotInstalled, DpkgStatus::Installed] {
            assert_eq!(left.settled(&host(status)), OwnedPackages::default());
        }
        let again = left.with_installed([(app, false)].into_iter());
        assert_eq!(again.settled(&host(DpkgStatus::Installed)), owned);
    }
}
