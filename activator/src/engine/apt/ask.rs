//! Asks dpkg and apt, and makes the plan from their answers. Nothing changes.

use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::apt::plan::AptPlan;
use nixfleet_contract::problem::{Code, Problem};

use super::owned::OwnedPackages;
use super::plan::{AptFacts, plan};
use super::request::{AptRequests, requests};
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::hook::{AptTransaction, TransactionMode, TransactionPackage};
use crate::host::apt::offers::offered;
use crate::host::apt::simulation::AptRequest;

/// Plans what apt would do on this machine. `activator`: the path of this program, which apt starts as a
/// hook.
///
/// # Errors
/// Fails with [`Code::Packages`] if dpkg or apt does not answer, or if apt cannot carry out the declaration.
pub fn ask(declared: &DeclaredPackages, owned: &OwnedPackages, activator: &str) -> Result<AptPlan, Problem> {
    let host = HostPackages::read()?;
    let AptRequests { install, remove, purge } = requests(declared, &host);
    let before = simulate(&install, activator)?;
    let mut after = AptTransaction::default();
    for request in [remove, purge].into_iter().flatten() {
        after.packages.extend(request.simulate(activator)?.packages);
    }
    let versions: Vec<String> = before.packages.iter().filter_map(exact_version).collect();
    let files = offered(&versions, &[])?;
    let kernel = rustix::system::uname();
    let kernel = &kernel.release().to_string_lossy();
    plan(&AptFacts { declared, host: &host, owned, before: &before, after: &after, files: &files, kernel })
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
    let mut exact = exactly(&joined).simulate(activator)?;
    // Every package of an exact request is marked as manual.
    for package in &mut exact.packages {
        let same = |other: &&TransactionPackage| {
            (&other.name, &other.architecture) == (&package.name, &package.architecture)
        };
        let found = joined.packages.iter().find(same).ok_or_else(|| {
            Problem::new(Code::Packages, "apt cannot install the declared packages together")
                .at("nixfleet.apt.packages")
                .because(format!("it would change {} too", package.name))
                .help("give all of them the same `recommends`")
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
