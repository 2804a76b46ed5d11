//! The result of a transaction of apt.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::values::{PackageName, PackageVersion};

/// The changes that a transaction of apt made on a host. The versions are those that dpkg records afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AptReport {
    /// The fingerprint of the plan that was carried out.
    pub fingerprint: String,
    /// The packages that changed, sorted by name and architecture.
    pub changed: Vec<ChangedPackage>,
    /// The questions of debconf that got another answer, each as `PACKAGE QUESTION`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
    /// Packages that are not completely installed. The next plan repairs them first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<PackageName>,
    /// Files of packages that dpkg left beside a configuration file that was changed on the host, such as
    /// `/etc/app.conf.dpkg-dist`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<String>,
    /// The reason why the transaction is not complete, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A package that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedPackage {
    /// The name without an architecture.
    pub name: PackageName,
    /// The architecture of the package.
    pub architecture: String,
    /// The version before; `None` if the package was not installed.
    pub before: Option<PackageVersion>,
    /// The version after; `None` if the package is not installed.
    pub after: Option<PackageVersion>,
}

impl AptReport {
    /// Returns whether the transaction changed packages or answers, or left packages unfinished.
    #[must_use]
    pub const fn has_changed(&self) -> bool {
        !self.changed.is_empty() || !self.answered.is_empty() || !self.unfinished.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn a_transaction_that_was_refused_changed_nothing() {
        let mut report = AptReport {
            fingerprint: "f".to_owned(),
            changed: Vec::new(),
            answered: Vec::new(),
            unfinished: Vec::new(),
            set_aside: Vec::new(),
            problem: Some(Problem::new(Code::PlanOutdated, "apt would do something else")),
        };
        assert!(!report.has_changed());
        report.answered.push("app app/port".to_owned());
        assert!(report.has_changed());
        report.answered.clear();
        report.unfinished.push("app".parse().unwrap());
        assert!(report.has_changed());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(serde_json::from_value::<AptReport>(json).unwrap(), report);
    }
}
