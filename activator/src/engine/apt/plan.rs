//! The plan of what apt would do.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nixfleet_contract::apt::answer::AnswerChange;
use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::apt::plan::{
    AptPhase, AptPlan, Mark, MarkChange, Offer, PackageCause, PackageChange, PackageOperation, SourceRelease,
};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{Invalid, PackageName, PackageVersion};

use super::objections::objections;
use super::owned::OwnedPackages;
use crate::digest;
use crate::host::apt::dpkg::{DpkgPackage, DpkgStatus, HostPackages};
use crate::host::apt::hook::{AptTransaction, TransactionMode, TransactionPackage, VersionOrigin};
use crate::host::apt::offers::OfferedFiles;

/// Everything from which a plan is made.
#[derive(Clone, Copy, Debug)]
pub struct AptFacts<'a> {
    /// The declared packages.
    pub declared: &'a DeclaredPackages,
    /// The packages of the host.
    pub host: &'a HostPackages,
    /// The packages that NixFleet installed, held or marked.
    pub owned: &'a OwnedPackages,
    /// The simulated transaction before the files of the host change.
    pub before: &'a AptTransaction,
    /// The simulated transaction after the change of the host is committed.
    pub after: &'a AptTransaction,
    /// The files that package sources offer.
    pub files: &'a OfferedFiles,
    /// The answers to questions of debconf that change.
    pub answers: &'a [AnswerChange],
    /// The release of the running kernel, as `uname -r` prints it.
    pub kernel: &'a str,
    /// Whether the transaction updates the operating system: no declaration asks for it, so it changes no
    /// mark.
    pub is_update: bool,
}

/// Makes the plan.
///
/// # Errors
/// Fails with [`Code::Packages`] if an answer of apt cannot be used.
pub fn plan(facts: &AptFacts<'_>) -> Result<AptPlan, Problem> {
    let mut changes = BTreeMap::new();
    // A package that has to go before the change is not removed again after it.
    for (phase, transaction) in [(AptPhase::Before, facts.before), (AptPhase::After, facts.after)] {
        for package in &transaction.packages {
            let key = (package.name.as_str(), package.architecture.as_str());
            if let Entry::Vacant(vacant) = changes.entry(key) {
                vacant.insert(change(facts, phase, package)?);
            }
        }
    }
    let packages: Vec<_> = changes.into_values().collect();
    let marks = if facts.is_update { Vec::new() } else { marks(facts, &packages) };
    let mut repairs = facts.host.unfinished();
    // A package whose removal was interrupted is not completed first, because a script would start its
    // daemon.
    repairs.retain(|name| !is_removed_later(facts, &packages, name));
    let problems = objections(facts, &packages, &marks);
    let answers = facts.answers.to_vec();
    let fingerprint = fingerprint((&repairs, &packages), &marks, &answers)?;
    let (running, space) = (Vec::new(), Vec::new());
    Ok(AptPlan { fingerprint, repairs, packages, marks, answers, running, space, problems })
}

/// Returns the name of a package as dpkg, apt and declarations write it on this host.
pub(crate) fn full_name(host: &HostPackages, name: &PackageName, architecture: &str) -> PackageName {
    let foreign = format!("{name}:{architecture}").parse();
    if architecture == host.architecture { name.clone() } else { foreign.unwrap_or_else(|_| name.clone()) }
}

/// Whether an unfinished package is removed after the change of the host.
fn is_removed_later(facts: &AptFacts<'_>, packages: &[PackageChange], name: &PackageName) -> bool {
    let removes = |package: &PackageChange| {
        package.phase == AptPhase::After
            && package.change.is_removal()
            && full_name(facts.host, &package.name, &package.architecture) == *name
    };
    facts.host.packages[name].status == DpkgStatus::Unfinished && packages.iter().any(removes)
}

fn change(
    facts: &AptFacts<'_>,
    phase: AptPhase,
    package: &TransactionPackage,
) -> Result<PackageChange, Problem> {
    let name: PackageName = package.name.parse().map_err(unreadable)?;
    let to = || offer(facts, package);
    let from = || -> Result<PackageVersion, Problem> {
        let current = package.versions.current.as_ref();
        let current = current.ok_or_else(|| lacks(package, "the version that is installed"))?;
        current.version.parse().map_err(unreadable)
    };
    let change = match package.mode {
        TransactionMode::Install => PackageOperation::Install { to: to()?, units: None },
        TransactionMode::Upgrade => PackageOperation::Upgrade { from: from()?, to: to()? },
        TransactionMode::Downgrade => PackageOperation::Downgrade { from: from()?, to: to()? },
        TransactionMode::Reinstall => PackageOperation::Reinstall { to: to()? },
        TransactionMode::Deinstall => PackageOperation::Remove { from: from()? },
        TransactionMode::Purge => PackageOperation::Purge { from: from().ok() },
    };
    let full = full_name(facts.host, &name, &package.architecture);
    let cause = cause(facts, &full, &change);
    let (architecture, automatic) = (package.architecture.clone(), package.automatic);
    Ok(PackageChange { name, architecture, change, cause, phase, automatic })
}

fn offer(facts: &AptFacts<'_>, package: &TransactionPackage) -> Result<Offer, Problem> {
    let install =
        package.versions.install.as_ref().ok_or_else(|| lacks(package, "the version to install"))?;
    let key = (package.name.clone(), install.version.clone());
    let file = facts.files.get(&key).ok_or_else(|| lacks(package, "the file to download"))?;
    Ok(Offer {
        version: install.version.parse().map_err(unreadable)?,
        release: install.origins.first().map(release).unwrap_or_default(),
        size: file.size,
        installed_size: file.installed_size,
        sha256: file.sha256.clone(),
    })
}

/// Returns the release that apt names for a version.
pub(crate) fn release(origin: &VersionOrigin) -> SourceRelease {
    SourceRelease {
        origin: origin.origin.clone(),
        label: origin.label.clone(),
        archive: origin.archive.clone(),
        codename: origin.codename.clone(),
        site: origin.site.clone(),
    }
}

fn unreadable(invalid: Invalid) -> Problem {
    Problem::new(Code::Packages, "the transaction of apt cannot be used").because(invalid)
}

fn lacks(package: &TransactionPackage, part: &str) -> Problem {
    Problem::new(Code::Packages, "the transaction of apt cannot be used")
        .because(format!("apt does not say {part} of {}", package.name))
}

fn cause(facts: &AptFacts<'_>, name: &PackageName, change: &PackageOperation) -> PackageCause {
    if facts.is_update {
        return if change.is_removal() { PackageCause::Unasked } else { PackageCause::Update };
    }
    match facts.declared.packages.get(name) {
        Some(DeclaredPackage::Present(_)) if !change.is_removal() => PackageCause::Declared,
        Some(DeclaredPackage::Absent {} | DeclaredPackage::Purged {}) if change.is_removal() => {
            PackageCause::Declared
        }
        None if change.is_removal() && facts.owned.installed.contains(name) => PackageCause::NoLongerDeclared,
        None if !change.is_removal() => PackageCause::Needed,
        Some(_) | None => PackageCause::Unasked,
    }
}

/// Returns the marks that change on packages that are installed already, or that this plan installs.
fn marks(facts: &AptFacts<'_>, changes: &[PackageChange]) -> Vec<MarkChange> {
    let AptFacts { declared, host, owned, .. } = facts;
    let mut marks = Vec::new();
    let of_host = |(name, package): (&PackageName, &DpkgPackage)| {
        let is_installed = package.status == DpkgStatus::Installed;
        is_installed.then(|| (name.clone(), package.is_held, package.is_automatic))
    };
    let of_plan = |change: &PackageChange| {
        let is_new = matches!(change.change, PackageOperation::Install { .. });
        is_new.then(|| (full_name(host, &change.name, &change.architecture), false, change.automatic))
    };
    let all = host.packages.iter().filter_map(of_host).chain(changes.iter().filter_map(of_plan));
    for (package, is_held, is_automatic) in all {
        let is_present = matches!(declared.packages.get(&package), Some(DeclaredPackage::Present(_)));
        let holds = declared.holds(&package);
        let mut set = |mark| marks.push(MarkChange { package: package.clone(), mark });
        if is_present && is_automatic {
            set(Mark::Manual);
        } else if !is_present && !is_automatic && owned.marked_manual.contains(&package) {
            set(Mark::Auto);
        }
        if holds && !is_held {
            set(Mark::Hold);
        } else if !holds && is_held && owned.held.contains(&package) {
            set(Mark::Unhold);
        }
    }
    marks.sort();
    marks
}

/// Returns a digest of what apt would do.
pub(crate) fn fingerprint(
    (repairs, packages): (&[PackageName], &[PackageChange]),
    marks: &[MarkChange],
    answers: &[AnswerChange],
) -> Result<String, Problem> {
    // The units of a package are known only after its download, which does not change the plan.
    let packages: Vec<_> = packages
        .iter()
        .map(|package| {
            let mut package = package.clone();
            if let PackageOperation::Install { units, .. } = &mut package.change {
                *units = None;
            }
            package
        })
        .collect();
    let json = serde_json::to_vec(&(repairs, packages, marks, answers)).map_err(|error| {
        Problem::new(Code::BadAnswer, "the plan cannot be encoded as JSON").because(error)
    })?;
    Ok(digest::of(json).chars().take(32).collect())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
