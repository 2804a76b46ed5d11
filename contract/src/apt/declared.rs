//! The packages of apt in the manifest of a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FirstStart, QuestionType};
use crate::values::{PackageName, PackagePattern, VersionPattern};

/// The packages that a host should have, should not have, or should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredPackages {
    /// The declared packages, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<PackageName, DeclaredPackage>,
    /// Names and patterns of packages that apt keeps at their version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<PackagePattern>,
    /// How long to wait for the locks of apt and dpkg, in seconds; [`DeclaredPackages::LOCK_TIMEOUT`] if
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_timeout: Option<u64>,
}

/// A declared package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state", deny_unknown_fields)]
pub enum DeclaredPackage {
    /// The package should be installed.
    Present(PresentPackage),
    /// The package should not be installed. Its configuration files stay.
    Absent {},
    /// The package should not be installed, and its configuration files should not exist.
    Purged {},
}

/// A package that should be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresentPackage {
    /// A version, or a pattern for one; any version if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionPattern>,
    /// Whether apt keeps the package at its version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Whether to install the packages that this package recommends; as the host says if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommends: Option<bool>,
    /// When the units of the package start for the first time.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub start: FirstStart,
    /// Answers to questions of debconf, sorted by question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub debconf: Vec<DebconfAnswer>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_usual(start: &FirstStart) -> bool {
    *start == FirstStart::default()
}

/// The answer to a question of debconf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DebconfAnswer {
    /// The name of the question, such as `postfix/main_mailer_type`.
    pub question: String,
    /// The type of the question.
    #[serde(rename = "type")]
    pub kind: QuestionType,
    /// The answer, a text of one line.
    pub value: String,
}

impl DeclaredPackages {
    /// How long to wait for the locks of apt and dpkg unless the fleet declares another limit, in seconds.
    pub const LOCK_TIMEOUT: u64 = 600;

    /// Returns whether apt should keep a package at its version.
    #[must_use]
    pub fn holds(&self, package: &PackageName) -> bool {
        let declared = self.packages.get(package);
        matches!(declared, Some(DeclaredPackage::Present(package)) if package.hold)
            || self.holds.iter().any(|pattern| pattern.matches(package))
    }

    /// Names the packages as dpkg does on a host: without the architecture of the host. `system`: the system
    /// of the host, such as `x86_64-linux`.
    #[must_use]
    pub fn on(mut self, system: &str) -> Self {
        let architecture = match system {
            "x86_64-linux" => "amd64",
            "aarch64-linux" => "arm64",
            "i686-linux" => "i386",
            "armv7l-linux" => "armhf",
            _ => return self,
        };
        let is_native = |name: &&PackageName| name.architecture() == Some(architecture);
        let native: Vec<PackageName> = self.packages.keys().filter(is_native).cloned().collect();
        for name in native {
            // A package that is declared under both names keeps them, so the plan is refused.
            if let Ok(plain) = name.plain().parse::<PackageName>()
                && !self.packages.contains_key(&plain)
                && let Some(package) = self.packages.remove(&name)
            {
                self.packages.insert(plain, package);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_package_is_written_without_its_defaults() {
        let packages = DeclaredPackages {
            packages: BTreeMap::from([
                ("nginx".parse().unwrap(), DeclaredPackage::Present(PresentPackage::default())),
                ("telnet".parse().unwrap(), DeclaredPackage::Purged {}),
            ]),
            holds: vec!["linux-*".parse().unwrap()],
            lock_timeout: None,
        };
        let written = json!({
            "packages": { "nginx": { "state": "present" }, "telnet": { "state": "purged" } },
            "holds": ["linux-*"],
        });
        assert_eq!(serde_json::to_value(&packages).unwrap(), written);
        assert_eq!(serde_json::from_value::<DeclaredPackages>(written).unwrap(), packages);
    }

    #[test]
    fn a_package_that_should_not_be_there_has_no_version() {
        let wrong = json!({ "state": "absent", "version": "1.0" });
        assert!(serde_json::from_value::<DeclaredPackage>(wrong).is_err());
    }

    #[test]
    fn a_package_for_the_architecture_of_the_host_has_no_architecture() {
        let declared = json!({ "packages": {
            "app:amd64": { "state": "present" }, "libc6:i386": { "state": "present" },
            "two": { "state": "present" }, "two:amd64": { "state": "absent" },
        } });
        let declared: DeclaredPackages = serde_json::from_value(declared).unwrap();
        let names = |system: &str| -> Vec<String> {
            declared.clone().on(system).packages.keys().map(ToString::to_string).collect()
        };
        assert_eq!(names("x86_64-linux"), ["app", "libc6:i386", "two", "two:amd64"]);
        assert_eq!(names("i686-linux"), ["app:amd64", "libc6", "two", "two:amd64"]);
    }

    #[test]
    fn a_hold_is_declared_with_the_package_or_by_a_pattern() {
        let held = PresentPackage { hold: true, ..PresentPackage::default() };
        let packages = DeclaredPackages {
            packages: BTreeMap::from([("nginx".parse().unwrap(), DeclaredPackage::Present(held))]),
            holds: vec!["linux-*".parse().unwrap()],
            lock_timeout: None,
        };
        let holds = |name: &str| packages.holds(&name.parse().unwrap());
        assert!(holds("nginx") && holds("linux-image-amd64") && !holds("redis"));
    }
}
