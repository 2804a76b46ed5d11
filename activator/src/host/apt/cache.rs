//! The files of packages that apt has downloaded and kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nixfleet_contract::apt::plan::{AptPhase, AptPlan, Offer, PackageChange};
use rustix::fs::CWD;

use crate::digest;
use crate::host::disk;

/// The directory of the files.
pub const CACHE: &str = "/var/cache/apt/archives";

/// Returns whether the file of a package is there. Only its size is compared. If its content is wrong, which
/// is rare, apt downloads the file again.
#[must_use]
pub fn is_there(package: &PackageChange, offer: &Offer) -> bool {
    with_size(package, offer).is_some()
}

/// Returns the file of a package, if it is there with the content that the package source states.
#[must_use]
pub fn find(package: &PackageChange, offer: &Offer) -> Option<PathBuf> {
    let path = with_size(package, offer)?;
    is_of(&path, offer).then_some(path)
}

/// Returns the file of a package in a directory, if it is there with the content that the plan states.
#[must_use]
pub fn find_in(directory: &Path, package: &PackageChange, offer: &Offer) -> Option<PathBuf> {
    let is_there = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.len() == offer.size);
    paths_in(directory, package, offer).into_iter().find(|path| is_there(path) && is_of(path, offer))
}

/// Removes files with the name and the size of a planned package, but with another content. apt compares
/// only the size, and would install such a file.
pub fn drop_others(plan: &AptPlan) {
    for package in plan.in_phase(AptPhase::Before) {
        let Some(offer) = package.change.to() else { continue };
        for path in paths(package, offer).into_iter().filter(|path| path.exists() && !is_of(path, offer)) {
            // If the file stays, the guard refuses it.
            let _ = disk::unlink(CWD, path);
        }
    }
}

fn is_of(path: &Path, offer: &Offer) -> bool {
    let found = File::open(path).and_then(digest::of_reader);
    found.is_ok_and(|(found, _)| found == offer.sha256)
}

fn with_size(package: &PackageChange, offer: &Offer) -> Option<PathBuf> {
    let is_there = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.len() == offer.size);
    paths(package, offer).into_iter().find(is_there)
}

/// Returns the paths at which apt may keep the file of a package. A plan does not say whether the package is
/// for all architectures.
fn paths(package: &PackageChange, offer: &Offer) -> [PathBuf; 2] {
    paths_in(Path::new(CACHE), package, offer)
}

fn paths_in(directory: &Path, package: &PackageChange, offer: &Offer) -> [PathBuf; 2] {
    let version = offer.version.replace('_', "%5f").replace(':', "%3a");
    let of = |architecture: &str| format!("{}_{version}_{architecture}.deb", package.name);
    [&package.architecture, "all"].map(|architecture| directory.join(of(architecture)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_named_as_apt_names_it() {
        let offer = json!({
            "version": "1:2.0~b", "release": {}, "size": 1, "installedSize": 1, "sha256": "aa",
        });
        let offer: Offer = serde_json::from_value(offer).unwrap();
        let package = json!({
            "name": "app", "architecture": "amd64", "change": "install", "to": offer, "units": null,
            "cause": "declared", "phase": "before",
        });
        let package: PackageChange = serde_json::from_value(package).unwrap();
        let names =
            ["app_1%3a2.0~b_amd64.deb", "app_1%3a2.0~b_all.deb"].map(|name| Path::new(CACHE).join(name));
        assert_eq!(paths(&package, &offer), names);
        assert!(!is_there(&package, &offer) && find(&package, &offer).is_none());
    }
}
