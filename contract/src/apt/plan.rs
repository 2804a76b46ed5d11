//! The transaction that apt would carry out on a host.

use serde::{Deserialize, Serialize};

use super::answer::AnswerChange;
use super::running::RunningUnit;
use super::space::SpaceNeed;
use crate::problem::Problem;
use crate::values::{PackageName, PackageVersion, UnitName};

/// The part of a plan that apt carries out, before and after the other changes. Nothing undoes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AptPlan {
    /// A digest of the transaction. apt carries out exactly this transaction, or nothing.
    pub fingerprint: String,
    /// Packages that dpkg has unpacked but not configured, or has left half installed. Before anything else,
    /// `dpkg --configure -a` completes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<PackageName>,
    /// The packages that change, sorted by name and architecture.
    pub packages: Vec<PackageChange>,
    /// The marks of packages that change, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<MarkChange>,
    /// The answers to questions of debconf that change, sorted by package and question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerChange>,
    /// Running units of packages that change. They are not part of the fingerprint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<RunningUnit>,
    /// The space that the transaction needs, one element for each filesystem. It is not part of the
    /// fingerprint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub space: Vec<SpaceNeed>,
    /// Reasons why apt would be refused, and nothing would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// A package that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageChange {
    /// The name without an architecture.
    pub name: PackageName,
    /// The architecture of the package, such as `amd64` or `all`.
    pub architecture: String,
    /// How the package changes.
    #[serde(flatten)]
    pub change: PackageOperation,
    /// Why the package changes.
    pub cause: PackageCause,
    /// When the package changes.
    pub phase: AptPhase,
    /// Whether the package is marked as installed automatically afterwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
}

/// When a package changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AptPhase {
    /// Before the files, accounts and units of the host change.
    Before,
    /// After that change is committed.
    After,
}

/// How a package changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "change")]
pub enum PackageOperation {
    /// The package is not installed yet.
    Install {
        /// The version that is installed.
        to: Offer,
        /// The units of the package, which systemd may start; `None` if the package has not been downloaded
        /// yet.
        units: Option<Vec<UnitName>>,
    },
    /// The package gets a newer version.
    Upgrade {
        /// The version that is installed now.
        from: PackageVersion,
        /// The version that is installed.
        to: Offer,
    },
    /// The package gets an older version.
    Downgrade {
        /// The version that is installed now.
        from: PackageVersion,
        /// The version that is installed.
        to: Offer,
    },
    /// The same version of the package is installed again.
    Reinstall {
        /// The version.
        to: Offer,
    },
    /// The package is removed. Its configuration files stay.
    Remove {
        /// The version that is installed now.
        from: PackageVersion,
    },
    /// The package and its configuration files are removed.
    Purge {
        /// The version that is installed now; `None` if only configuration files are left.
        from: Option<PackageVersion>,
    },
}

/// A version of a package that a package source offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// The version.
    pub version: PackageVersion,
    /// The release that offers the version.
    pub release: SourceRelease,
    /// Size of the file to download, in bytes.
    pub size: u64,
    /// Size of the installed package, in bytes, as its maintainer states it.
    pub installed_size: u64,
    /// SHA-256 of the file to download, in hexadecimal.
    pub sha256: String,
}

/// A release of a package source, as its file `Release` describes it. An empty field is missing there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceRelease {
    /// Who makes the packages, such as `Debian`.
    pub origin: String,
    /// The label, such as `Debian-Security`.
    pub label: String,
    /// The suite, such as `stable-security`.
    pub archive: String,
    /// The codename, such as `bookworm-security`.
    pub codename: String,
    /// The host name in the address of the source.
    pub site: String,
}

impl SourceRelease {
    /// Returns whether the release has security updates: `stable-security` of Debian, or a pocket of Ubuntu
    /// such as `jammy-security` and `jammy-infra-security`.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.label == "Debian-Security"
            || [&self.archive, &self.codename].iter().any(|name| name.ends_with("-security"))
    }
}

/// Why a package changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PackageCause {
    /// The package is declared.
    Declared,
    /// A declared package needs it, or recommends it.
    Needed,
    /// `NixFleet` installed it for a package that is no longer declared.
    NoLongerDeclared,
    /// It is an update of the operating system, or another update needs it.
    Update,
    /// No declaration asks for the change. A removal for this cause is refused.
    Unasked,
}

/// A mark of an installed package that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkChange {
    /// The name of the package.
    pub package: PackageName,
    /// The mark that it gets.
    pub mark: Mark,
}

/// A mark of an installed package, as `apt-mark` sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// The package was installed on request, so `apt-get autoremove` leaves it.
    Manual,
    /// The package was installed because another package needs it.
    Auto,
    /// apt keeps the package at its version.
    Hold,
    /// apt may change the version of the package.
    Unhold,
}

impl PackageChange {
    /// Returns whether the package is new and its units are not known yet.
    #[must_use]
    pub const fn has_unknown_units(&self) -> bool {
        matches!(self.change, PackageOperation::Install { units: None, .. })
    }

    /// Returns the known units that a new package brings.
    #[must_use]
    pub fn brings(&self) -> &[UnitName] {
        match &self.change {
            PackageOperation::Install { units: Some(units), .. } => units,
            _ => &[],
        }
    }
}

impl PackageOperation {
    /// Returns the version that is installed afterwards, if any.
    #[must_use]
    pub const fn to(&self) -> Option<&Offer> {
        match self {
            Self::Install { to, .. }
            | Self::Upgrade { to, .. }
            | Self::Downgrade { to, .. }
            | Self::Reinstall { to } => Some(to),
            Self::Remove { .. } | Self::Purge { .. } => None,
        }
    }

    /// Returns whether the change removes the package.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        self.to().is_none()
    }
}

impl AptPlan {
    /// Returns whether the plan changes nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.repairs.is_empty()
            && self.packages.is_empty()
            && self.marks.is_empty()
            && self.answers.is_empty()
    }

    /// Returns the packages that change in a phase.
    pub fn in_phase(&self, phase: AptPhase) -> impl Iterator<Item = &PackageChange> {
        self.packages.iter().filter(move |package| package.phase == phase)
    }

    /// Returns the sum of the sizes of the files to download, in bytes.
    #[must_use]
    pub fn download_size(&self) -> u64 {
        self.packages.iter().filter_map(|package| package.change.to()).map(|offer| offer.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(label: &str, archive: &str, codename: &str) -> SourceRelease {
        SourceRelease {
            label: label.to_owned(),
            archive: archive.to_owned(),
            codename: codename.to_owned(),
            ..SourceRelease::default()
        }
    }

    #[test]
    fn a_security_release_is_known_by_its_names() {
        assert!(release("Debian-Security", "oldstable-security", "bookworm-security").is_security());
        assert!(release("Ubuntu", "jammy-security", "jammy").is_security());
        assert!(release("UbuntuESM", "jammy-infra-security", "jammy").is_security());
        assert!(!release("Debian", "stable", "bookworm").is_security());
        assert!(!release("Ubuntu", "jammy-updates", "jammy").is_security());
    }

    fn plan() -> AptPlan {
        let offer = Offer {
            version: "1.22.1-9".parse().unwrap(),
            release: release("Debian", "stable", "bookworm"),
            size: 100,
            installed_size: 1024,
            sha256: "00".repeat(32),
        };
        let change = |name: &str, change: PackageOperation, cause| PackageChange {
            name: name.parse().unwrap(),
            architecture: "amd64".to_owned(),
            phase: if change.is_removal() { AptPhase::After } else { AptPhase::Before },
            change,
            cause,
            automatic: cause == PackageCause::Needed,
        };
        AptPlan {
            fingerprint: "f".to_owned(),
            repairs: Vec::new(),
            packages: vec![
                change(
                    "nginx",
                    PackageOperation::Install { to: offer.clone(), units: None },
                    PackageCause::Declared,
                ),
                change("telnet", PackageOperation::Purge { from: None }, PackageCause::Declared),
                change(
                    "zlib1g",
                    PackageOperation::Upgrade { from: "1.0".parse().unwrap(), to: offer },
                    PackageCause::Needed,
                ),
            ],
            marks: vec![MarkChange { package: "nginx".parse().unwrap(), mark: Mark::Hold }],
            answers: Vec::new(),
            running: Vec::new(),
            space: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_package_changes_in_one_phase() {
        let plan = plan();
        let names =
            |phase| -> Vec<String> { plan.in_phase(phase).map(|package| package.name.to_string()).collect() };
        assert_eq!(names(AptPhase::Before), ["nginx", "zlib1g"]);
        assert_eq!(names(AptPhase::After), ["telnet"]);
        assert_eq!(plan.download_size(), 200);
        assert!(!plan.is_empty());
        let answer = json!({
            "package": "nginx", "question": "nginx/port", "type": "string", "from": null, "to": "80",
        });
        let answers = json!({ "fingerprint": "f", "packages": [], "answers": [answer] });
        assert!(!serde_json::from_value::<AptPlan>(answers).unwrap().is_empty());
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let json = serde_json::to_value(plan()).unwrap();
        assert_eq!(json["packages"][0]["change"], "install");
        assert_eq!(
            json["packages"][1],
            json!({
                "name": "telnet", "architecture": "amd64", "change": "purge", "from": null,
                "cause": "declared", "phase": "after",
            })
        );
        assert_eq!(serde_json::from_value::<AptPlan>(json).unwrap(), plan());
    }
}
