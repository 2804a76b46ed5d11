//! The files of packages that apt has downloaded and kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nixfleet_contract::apt::plan::{Offer, PackageChange};

use crate::digest;

/// The directory of the files.
pub const CACHE: &str = "/var/cache/apt/archives";

/// Returns whether the file of a package is there. Only its size is compared. If its content is wrong, which
/// is rare, apt downloads the file again.
#[must_use]
pub fn is_there(package: &PackageChange, offer: &Offer) -> bool {
    fs::metadata(path(package, offer)).is_ok_and(|found| found.len() == offer.size)
}

/// Returns the file of a package, if it is there with the content that the package source states.
#[must_use]
pub fn find(package: &PackageChange, offer: &Offer) -> Option<PathBuf> {
    let path = is_there(package, offer).then(|| path(package, offer))?;
    let (found, _) = digest::of_reader(File::open(&path).ok()?).ok()?;
    (found == offer.sha256).then_some(path)
}

/// Returns the path at which apt keeps the file of a package.
fn path(package: &PackageChange, offer: &Offer) -> PathBuf {
    let version = offer.version.replace('_', "%5f").replace(':', "%3a");
    Path::new(CACHE).join(format!("{}_{version}_{}.deb", package.name, package.architecture))
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
        assert_eq!(path(&package, &offer), Path::new("/var/cache/apt/archives/app_1%3a2.0~b_amd64.deb"));
        assert!(!is_there(&package, &offer) && find(&package, &offer).is_none());
    }
}
