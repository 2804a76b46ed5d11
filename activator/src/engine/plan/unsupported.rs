//! Refuses the parts of a manifest that this activator cannot carry out. The builder refuses to make such a
//! manifest, so only another tool can have made it.

use nixfleet_contract::apt::declared::DeclaredPackage;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::problem::{Code, Problem};

/// Returns a problem for each part of the manifest that an apply would ignore.
pub(super) fn unsupported(manifest: &Manifest) -> impl Iterator<Item = Problem> {
    let packages = manifest.apt.iter().flat_map(|apt| apt.packages.values());
    let mut packages = packages.filter_map(|package| match package {
        DeclaredPackage::Present(present) => Some(present),
        DeclaredPackage::Absent {} | DeclaredPackage::Purged {} => None,
    });
    let answers = packages.any(|package| !package.debconf.is_empty()).then(|| {
        Problem::new(Code::InvalidManifest, "this activator cannot answer the questions of packages")
            .at("apt")
            .help("build the closure of the host again, with the builder of this release")
    });
    answers.into_iter()
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::SCHEMA;
    use serde_json::{Value, json};

    use super::*;

    fn count(apt: &Value) -> usize {
        let manifest = json!({
            "schema": SCHEMA, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux",
            "packages": [], "groups": [], "users": [], "entries": {}, "units": {}, "apt": apt,
        });
        unsupported(&serde_json::from_value(manifest).unwrap()).count()
    }

    #[test]
    fn nothing_that_is_declared_is_ignored() {
        let answer = json!({ "question": "nginx/port", "type": "string", "value": "80" });
        assert_eq!(count(&json!({ "packages": { "nginx": { "state": "present" } } })), 0);
        assert_eq!(
            count(&json!({ "packages": { "nginx": { "state": "present", "debconf": [answer] } } })),
            1
        );
    }
}
