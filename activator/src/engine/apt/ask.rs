//! Asks dpkg and apt, and makes the plan from their answers. Nothing changes.

use std::collections::BTreeSet;

use nixfleet_contract::apt::answer::AnswerChange;
use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::apt::plan::AptPlan;
use nixfleet_contract::problem::{Code, Problem};

use super::answers;
use super::needed::unneeded;
use super::owned::OwnedPackages;
use super::plan::{AptFacts, plan};
use super::request::{AptRequests, requests};
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::hook::{AptTransaction, TransactionMode, TransactionPackage};
use crate::host::apt::offers::{OfferedFiles, offered};
use crate::host::apt::relations;
use crate::host::apt::simulation::{AptRequest, FIX_BROKEN};

/// A declaration, compared with the packages of this machine.
#[derive(Debug)]
pub struct AptQuestions<'a> {
    declared: &'a DeclaredPackages,
    owned: &'a OwnedPackages,
    /// The packages of this machine.
    pub host: HostPackages,
    /// The answers to questions of debconf that change.
    pub answers: Vec<AnswerChange>,
    requests: AptRequests,
}

impl<'a> AptQuestions<'a> {
    /// Compares a declaration with the packages of this machine. apt is not asked yet.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] if dpkg or debconf does not answer.
    pub fn of(declared: &'a DeclaredPackages, owned: &'a OwnedPackages) -> Result<Self, Problem> {
        let host = HostPackages::read()?;
        let requests = requests(declared, &BTreeSet::new(), &host);
        let answers = answers::changes(declared, &host)?;
        Ok(Self { declared, owned, host, answers, requests })
    }

    /// Whether apt has to read the package sources to answer.
    #[must_use]
    pub fn needs_sources(&self) -> bool {
        !self.requests.install.is_empty()
    }

    /// Asks apt, and makes the plan. `options`: options of apt for the package sources, each as `NAME=VALUE`.
    /// `activator`: the path of this program, which apt starts as a hook.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] if apt does not answer, or cannot carry out the declaration.
    pub fn ask(&self, options: &[String], activator: &str) -> Result<AptPlan, Problem> {
        let Self { declared, owned, host, answers, requests } = self;
        // While an unpacked package lacks a dependency, apt refuses every other request.
        let is_torn = !self.requests.install.is_empty() && !host.unfinished().is_empty();
        let lacking = if is_torn { fixes(options, activator)? } else { AptTransaction::default() };
        let fix = (!host.unfinished().is_empty()).then(|| FIX_BROKEN.to_owned());
        let options = &[options, fix.as_slice()].concat();
        let of_sources = |request: &AptRequest| {
            let packages = [request.packages.clone(), exactly(&lacking).packages].concat();
            AptRequest { options: options.clone(), packages, ..request.clone() }
        };
        let install: Vec<AptRequest> = requests.install.iter().map(of_sources).collect();
        let mut before = simulate(&install, activator)?;
        // If a request names a package, apt treats the package as manual.
        for package in &mut before.packages {
            let same =
                |it: &&TransactionPackage| it.name == package.name && it.architecture == package.architecture;
            package.automatic |= lacking.packages.iter().find(same).is_some_and(|it| it.automatic);
        }
        let versions: Vec<String> = before.packages.iter().filter_map(exact_version).collect();
        let files = offered(&versions, options)?;
        let mut after = AptTransaction::default();
        let AptRequests { remove, purge, .. } = self.removals(&files)?;
        for request in [remove, purge].into_iter().flatten() {
            let request = AptRequest { options: fix.iter().cloned().collect(), ..request };
            after.packages.extend(request.simulate(activator)?.packages);
        }
        let kernel = rustix::system::uname();
        let kernel = &kernel.release().to_string_lossy();
        let (before, after, files) = (&before, &after, &files);
        plan(&AptFacts { declared, host, owned, before, after, files, answers, kernel, is_update: false })
    }

    /// Returns the transactions that remove packages. `files`: the packages that apt installs.
    fn removals(&self, files: &OfferedFiles) -> Result<AptRequests, Problem> {
        let Self { declared, owned, host, requests: found, .. } = self;
        if owned.installed.is_empty() {
            return Ok(found.clone());
        }
        let relations = relations::read(&host.architecture)?;
        let new: Vec<_> = files.values().map(|file| &file.relations).collect();
        Ok(requests(declared, &unneeded(declared, owned, host, &relations, &new), host))
    }
}

/// Returns the transaction with which apt would give each unpacked package its dependencies. `options`:
/// options of apt for the package sources, each as `NAME=VALUE`.
///
/// # Errors
/// Fails with [`Code::Packages`] if apt knows no such transaction.
pub fn fixes(options: &[String], activator: &str) -> Result<AptTransaction, Problem> {
    let options = [options, &[FIX_BROKEN.to_owned()]].concat();
    AptRequest { verb: "install", options, ..AptRequest::default() }.simulate(activator)
}

/// Simulates one transaction for all requests. If there are several requests, their results are joined, and
/// apt simulates the joined transaction again, with exactly these packages and versions.
fn simulate(requests: &[AptRequest], activator: &str) -> Result<AptTransaction, Problem> {
    let mut joined = AptTransaction::default();
    for request in requests {
        let found = request.simulate(activator)?;
        for package in found.packages {
            if !joined.packages.contains(&package) {
                joined.packages.push(package);
            }
        }
    }
    if requests.len() < 2 || joined.packages.is_empty() {
        return Ok(joined);
    }
    let exact = AptRequest { options: requests[0].options.clone(), ..exactly(&joined) };
    let mut exact = exact.simulate(activator)?;
    // Every package of an exact request is marked as manual.
    for package in &mut exact.packages {
        let same = |other: &&TransactionPackage| {
            (&other.name, &other.architecture) == (&package.name, &package.architecture)
        };
        let found = joined.packages.iter().find(same).ok_or_else(|| {
            Problem::new(Code::Packages, "apt cannot install the declared packages together")
                .at("nixfleet.apt.packages")
                .because(format!(
                    "packages with and without recommended packages are planned separately, and together apt would \
                     also change {}",
                    package.name
                ))
                .help("set the same value of `recommends` for all packages in nixfleet.apt.packages")
        })?;
        package.automatic = found.automatic;
    }
    Ok(exact)
}

/// Returns a request for exactly the packages and versions of a transaction. apt changes nothing else, or
/// refuses.
#[must_use]
pub fn exactly(transaction: &AptTransaction) -> AptRequest {
    let packages = transaction.packages.iter();
    let packages = packages.map(|package| {
        exact_version(package).unwrap_or_else(|| format!("{}:{}-", package.name, package.architecture))
    });
    AptRequest { verb: "install", packages: packages.collect(), recommends: Some(false), options: Vec::new() }
}

/// Returns `NAME:ARCHITECTURE=VERSION` of a package that a transaction installs, or `None` for a removal.
fn exact_version(package: &TransactionPackage) -> Option<String> {
    match package.mode {
        TransactionMode::Deinstall | TransactionMode::Purge => None,
        TransactionMode::Install
        | TransactionMode::Upgrade
        | TransactionMode::Downgrade
        | TransactionMode::Reinstall => {
            let version = &package.versions.install.as_ref()?.version;
            Some(format!("{}:{}={version}", package.name, package.architecture))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_exact_request_names_each_version_and_each_removal() {
        let transaction: AptTransaction = serde_json::from_value(json!({ "packages": [
            { "name": "nginx", "architecture": "amd64", "mode": "install", "automatic": false,
              "versions": { "install": { "version": "1.22.1-9" } } },
            { "name": "exim4", "architecture": "amd64", "mode": "deinstall", "automatic": false,
              "versions": { "current": { "version": "4.96" } } },
        ] }))
        .unwrap();
        let request = exactly(&transaction);
        assert_eq!(request.packages, ["nginx:amd64=1.22.1-9", "exim4:amd64-"]);
        assert_eq!((request.verb, request.recommends), ("install", Some(false)));
    }
}
